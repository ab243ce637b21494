// A program that decides itself who may connect. Run it with
// `node -C @busbar/source examples/authenticator.ts`.
import { timingSafeEqual } from 'node:crypto'
import { type Authenticator, startBroker } from '@busbar/broker'
import { connect } from '@busbar/client'

const token = Buffer.from('0123456789abcdef')

/** Machines that were given a token when they were made. */
const machines: Authenticator = {
  authenticate: ({ username, password }) => {
    if (username?.startsWith('machine-') !== true) return { outcome: 'passed-on' }
    const isRight = password?.length === token.length && timingSafeEqual(password, token)
    if (isRight) return { outcome: 'accepted', user: username, groups: ['machines'] }
    return { outcome: 'refused', reasonCode: 0x86, reason: 'wrong user name or password' }
  },
}

await using broker = await startBroker(
  { listeners: [{ kind: 'tcp', port: 0 }], store: { engine: 'memory' }, log: { level: 'error' } },
  { authenticators: [machines] },
)
for (const [username, password] of [
  ['machine-7', '0123456789abcdef'],
  ['machine-7', 'guess'],
  ['somebody', '0123456789abcdef'],
] as const) {
  try {
    await using client = await connect(broker.url, { credentials: { username, password } })
    await client.publish('hello', 'it works')
    console.log(`${username} is let in`)
  } catch (error) {
    console.log(`${username} is refused: ${(error as Error).message}`)
  }
}
