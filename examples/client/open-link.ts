import { startBroker } from '@busbar/broker'
import { connect, type OpenTransport, openLink } from '@busbar/client'

await using broker = await startBroker({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' },
  log: { level: 'error' },
})

// A transport of one's own: here within the process, and with a count of what is sent.
let sent = 0
const transport: OpenTransport = async (_target, events) => {
  const opened = openLink(broker.connectInMemory(), events)
  const send = (bytes: Uint8Array) => {
    sent += bytes.length
    opened.send(bytes)
  }
  return { ...opened, send }
}

await using client = await connect('mqtt://in-process', { transport })
await client.publish('t', 'x')
console.log(sent > 0, client.state) // true connected
