import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type Connect, encodePacket, type Packet } from '@busbar/protocol'
import { type BrokerOptions, startBroker } from './broker.ts'
import type { ConfigInput } from './config.ts'
import { eventually } from './listener/transport.contract.ts'

const connectPacket: Connect = {
  ...{ type: 'connect', protocolVersion: 5, clientIdentifier: 'hasty', cleanStart: true },
  ...{ keepAliveSeconds: 0, properties: {}, will: undefined },
  ...{ username: undefined, password: undefined },
}
const publish = (number: number): Packet => ({
  ...{ type: 'publish', dup: false, qos: 0, retain: false, topicName: 'said' },
  ...{ packetIdentifier: 0, properties: {}, payload: Uint8Array.of(number) },
})
const disconnect: Packet = { type: 'disconnect', reasonCode: 0, properties: {} }

const count = 30
const numbers = Array.from({ length: count }, (_, number) => number)
const publications = numbers.map(publish)

const encoded = (packets: readonly Packet[]) =>
  Buffer.concat(packets.map((packet) => encodePacket(packet, 5)))
/** What it writes, with a turn of the event loop in between, before it closes its side. */
const ways: readonly (readonly [string, readonly Buffer[]])[] = [
  ['in one piece', [encoded([connectPacket, ...publications, disconnect])]],
  ['in two pieces', [encoded([connectPacket]), encoded([...publications, disconnect])]],
  [
    'and closes without DISCONNECT',
    [encoded([connectPacket]), encoded(publications.slice(0, 9)), encoded(publications.slice(9))],
  ],
]

/** What makes the broker put off the rest of what came. */
const brokers: readonly (readonly [string, ConfigInput, BrokerOptions])[] = [
  ['a broker', {}, {}],
  ['a broker that limits the rate', { limits: { messageRate: 20 } }, {}],
  [
    'a broker that asks somebody else who it is',
    {},
    {
      authenticators: [
        {
          async authenticate() {
            await pause(30)
            return { outcome: 'accepted', user: undefined }
          },
        },
      ],
      access: { mayPublish: () => true, maySubscribe: () => true, mayReceive: () => true },
    },
  ],
]

for (const io of ['net', 'auto'] as const) {
  for (const [what, config, options] of brokers) {
    for (const [how, pieces] of ways) {
      test(`${io}: who says all it has ${how} loses nothing at ${what}`, async () => {
        const listeners = [{ kind: 'tcp', port: 0 }] as const
        const store = { engine: 'memory' } as const
        const log = { level: 'error' } as const
        await using broker = await startBroker({ io, listeners, store, log, ...config }, options)
        const heard: number[] = []
        await broker.subscribe('said', ({ payload }) => void heard.push(payload[0] as number))
        const { hostname, port } = new URL(broker.url)
        const socket = connect(Number(port), hostname).on('error', () => {})
        await once(socket, 'connect')
        for (const piece of pieces) {
          await new Promise((resolve) => socket.write(piece, resolve))
        }
        socket.end()
        await eventually(() => heard.length === count, `${heard.length} of ${count} came`)
        assert.deepEqual(heard, numbers)
        socket.destroy()
      })
    }
  }
}
