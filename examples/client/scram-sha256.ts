import { startBroker } from '@busbar/broker'
import { connect, scramSha256 } from '@busbar/client'

// What a broker keeps of the password `p`: no password, and nothing to log in with.
const scram = {
  salt: 'c2FsdA==',
  iterations: 4_096,
  storedKey: 'KWwHs1ysS4TG8aVMBScx1VhLJ3KSCqfSRgDNt4mY41Q=',
  serverKey: 'npDy99qnByIELLIqisIld8O1Q3Le3jX0Fdls6+FA3TE=',
}
await using broker = await startBroker({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' },
  auth: { users: [{ name: 'u', scram }] },
  access: { default: 'allow' },
  log: { level: 'error' },
})

await using client = await connect(broker.url, { authentication: scramSha256('u', 'p') })
await client.reauthenticate() // again, without a new connection
console.log(client.state) // connected
