import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encodePacket, type Packet } from '@busbar/protocol'
import { guardEvents } from './listener/guard.ts'
import { silentLog } from './log.ts'
import { startTestBroker } from './testing/index.ts'
import type { Transport, TransportEvents } from './transport.ts'

/** So many are there at a time. */
const open = 100

/** A socket that takes everything at once. */
class Sink implements Transport {
  readonly address = '127.0.0.1:1'
  readonly pendingBytes = 0
  readonly takesBytesAtOnce = true
  write(): void {}
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (how: { type: 'minor' }) => void

function oldBytes(): number {
  const spaces = getHeapSpaceStatistics()
  return spaces.find((each) => each.space_name === 'old_space')?.space_used_size ?? 0
}

// Where something that is old keeps what has ended, nothing is lost, but every collection of what is young
// moves all of it, and those of what is old come often: pauses of milliseconds for all other clients.
test('what has ended is not kept by anything that is old', async () => {
  await using broker = await startTestBroker({}, { log: silentLog })
  const peers: TransportEvents[] = []
  const bytes = (packet: Packet) => encodePacket(packet, 4)
  let count = 0
  const comeAndGo = (number: number) => {
    for (let i = 0; i < number; i++) {
      const transport = new Sink()
      const peer = guardEvents(broker.core.accept(transport), transport, silentLog)
      const name = `client-${count++}`
      peer.receive(
        bytes({
          type: 'connect',
          protocolVersion: 4,
          clientIdentifier: name,
          cleanStart: true,
          keepAliveSeconds: 60,
          properties: {},
          will: undefined,
          username: undefined,
          password: undefined,
        }),
      )
      broker.endTurn()
      const options = {
        qos: 0,
        noLocal: false,
        retainAsPublished: false,
        retainHandling: 0,
      } as const
      peer.receive(
        bytes({
          type: 'subscribe',
          packetIdentifier: 1,
          subscriptions: ['all', `for/${name}`].map((topicFilter) => ({ topicFilter, options })),
          properties: {},
        }),
      )
      broker.endTurn()
      peers.push(peer)
      if (peers.length <= open) continue
      const oldest = peers.shift()
      oldest?.receive(bytes({ type: 'disconnect', reasonCode: 0, properties: {} }))
      oldest?.closed()
      broker.endTurn()
      broker.pass(1)
    }
  }
  const rounds = (number: number) => {
    for (let round = 0; round < number; round++) {
      comeAndGo(500)
      gc({ type: 'minor' })
    }
  }
  rounds(10)
  const before = oldBytes()
  rounds(20)
  const each = (oldBytes() - before) / (20 * 500)
  // A Session and its connection are more than 1,400 bytes.
  assert.ok(each < 300, `${each} bytes of each connection have become old`)
})
