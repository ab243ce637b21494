import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { encodePacket, type Packet } from '@busbar/protocol'
import { type Core, startTestBroker, type TransportEvents } from './testing/index.ts'

/** A socket that takes everything at once, as part of an array. */
class Sink {
  readonly address = 'test'
  readonly pendingBytes = 0
  taken = 0
  write(bytes: Uint8Array): void {
    this.taken += bytes.length
  }
  writePart(_bytes: Uint8Array, start: number, end: number): void {
    this.taken += end - start
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const topicName = 'plant/line-3/motor-17/speed'

function connect(core: Core, clientIdentifier: string, sink: Sink): TransportEvents {
  const events = core.accept(sink)
  const connectPacket: Packet = {
    ...{ type: 'connect', protocolVersion: 5, clientIdentifier, cleanStart: true },
    ...{ keepAliveSeconds: 0, properties: {}, will: undefined },
    ...{ username: undefined, password: undefined },
  }
  events.receive(encodePacket(connectPacket, 5))
  core.endTurn()
  return events
}

/** A publisher, and what its one subscriber gets. */
function pair(core: Core): { publisher: TransportEvents; sink: Sink } {
  const sink = new Sink()
  const publisher = connect(core, 'publisher', new Sink())
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter: topicName, options }]
  connect(core, 'subscriber', sink).receive(
    encodePacket({ type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions }, 5),
  )
  core.endTurn()
  return { publisher, sink }
}

function publish(payloadBytes: number): Uint8Array {
  const fields = { dup: false, qos: 0, retain: false, packetIdentifier: 0, properties: {} } as const
  const payload = new Uint8Array(payloadBytes)
  return encodePacket({ type: 'publish', ...fields, topicName, payload }, 5)
}

/** Bytes of V8's heap for each message, when its compiler has come to rest. */
function bytesPerMessage(turn: () => void, messages: number): number {
  const turns = Math.ceil(200_000 / messages)
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 6; round++) {
    const before = getHeapStatistics().total_allocated_bytes
    for (let i = 0; i < turns; i++) turn()
    const allocated = getHeapStatistics().total_allocated_bytes - before
    least = Math.min(least, allocated / (turns * messages))
  }
  return least
}

// A collection of what is young is half a millisecond for everybody, and comes as often as there is garbage.
for (const [name, messages] of [
  ['a message that comes alone', 1],
  ['each of a hundred that come together', 100],
] as const) {
  test(`${name} at QoS 0 makes no object`, async (t) => {
    await using broker = await startTestBroker()
    const { core } = broker
    const { publisher, sink } = pair(core)
    const chunk = new Uint8Array(
      Buffer.concat(Array.from({ length: messages }, () => publish(100))),
    )
    const turn = () => {
      publisher.receivePart?.(chunk, 0, chunk.length)
      core.endTurn()
    }
    const bytes = bytesPerMessage(turn, messages)
    t.diagnostic(`${bytes.toFixed(1)} bytes a message`)
    const { taken } = sink
    turn()
    assert.equal(sink.taken - taken, chunk.length)
    assert.ok(bytes < 24, `${bytes} bytes a message`)
  })
}

test('what was passed on is not kept until the next message comes', async () => {
  await using broker = await startTestBroker()
  const { core } = broker
  const { publisher, sink } = pair(core)
  const send = () => {
    const frame = publish(100_000)
    publisher.receivePart?.(frame, 0, frame.length)
    core.endTurn()
    return new WeakRef(frame)
  }
  for (let i = 0; i < 5; i++) send() // until the route is known
  const sent = send()
  assert.ok(sink.taken > 600_000)
  await nextTurn()
  gc()
  assert.ok(sent.deref() === undefined)
})
