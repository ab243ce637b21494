/**
 * Nanoseconds for a message on its way through the core, without sockets, and for the steps that were
 * written for it, each beside the plain way:
 *
 *     node -C @busbar/source packages/broker/bench/hot-path.ts
 */
import { encodePacket, type Packet, type QoS } from '@busbar/protocol'
import { copyBytes } from '../src/copy-bytes.ts'
import { Output } from '../src/output.ts'
import { copyPayload } from '../src/payload.ts'
import { RouteCache } from '../src/route-cache.ts'
import { Slab } from '../src/slab.ts'
import { type Core, startTestBroker, type TransportEvents } from '../src/testing/index.ts'

const batch = 100
const payload = new Uint8Array(100)
const identifiers = 1_024
const made = new Map<string, Uint8Array>()

/** A socket that takes everything at once. */
class Sink {
  readonly address = 'bench'
  readonly pendingBytes = 0
  readonly takesBytesAtOnce = true
  last: Uint8Array | undefined
  write(bytes: Uint8Array): void {
    this.last = bytes
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const broker = await startTestBroker()
const { core } = broker
for (const qos of [0, 1, 2] as const) {
  for (const [name, topics] of [
    ['one topic', 1],
    ['100 topics', 100],
  ] as const) {
    console.log(`${row(`QoS ${qos}, ${name}`)} ${through(core, qos, topics)} ns a message`)
  }
}
steps()
await broker[Symbol.asyncDispose]()

/** From one connection to another, with all acknowledgements, a hundred in one read. */
function through(to: Core, qos: QoS, topics: number): string {
  const names = Array.from({ length: topics }, (_, i) => `plant/line-${qos}/motor-${i}/speed`)
  const publisher = connect(to, `p${qos}${topics}`)
  const subscriber = connect(to, `s${qos}${topics}`)
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = names.map((topicFilter) => ({ topicFilter, options }))
  send(subscriber, { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions })
  const publishes = Array.from({ length: batch }, (_, i) => {
    const topicName = names[i % topics] as string
    const fields = { dup: false, qos, retain: false, properties: {}, payload } as const
    return encodePacket(
      { type: 'publish', ...fields, topicName, packetIdentifier: qos === 0 ? 0 : i + 1 },
      5,
    )
  })
  const released = acknowledgements('pubrel', 1)
  let next = 1
  const chunk = Buffer.concat(publishes)
  return perMessage(() => {
    publisher.receive(chunk)
    if (qos === 2) publisher.receive(released)
    core.endTurn()
    if (qos === 0) return
    subscriber.receive(acknowledgements(qos === 1 ? 'puback' : 'pubrec', next))
    if (qos === 2) subscriber.receive(acknowledgements('pubcomp', next))
    core.endTurn()
    next = following(next, batch)
  })
}

type Acknowledgement = 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'

/** A hundred of them, from identifier `first` on; made once. */
function acknowledgements(type: Acknowledgement, first: number): Uint8Array {
  const key = `${type} ${first}`
  const known = made.get(key)
  if (known !== undefined) return known
  const packets: Uint8Array[] = []
  for (let n = 0, id = first; n < batch; n++, id = following(id)) {
    packets.push(encodePacket({ type, packetIdentifier: id, reasonCode: 0, properties: {} }, 5))
  }
  const chunk = Buffer.concat(packets)
  made.set(key, chunk)
  return chunk
}

/** The next identifier of a Session with few messages in flight: they rotate, and 0 is none. */
function following(identifier: number, steps = 1): number {
  return ((identifier - 1 + steps) % (identifiers - 1)) + 1
}

function connect(to: Core, clientIdentifier: string): TransportEvents {
  const events = to.accept(new Sink())
  send(events, {
    ...{ type: 'connect', protocolVersion: 5, clientIdentifier, cleanStart: true },
    ...{ keepAliveSeconds: 0, properties: {}, will: undefined },
    ...{ username: undefined, password: undefined },
  })
  return events
}

function send(events: TransportEvents, packet: Packet): void {
  events.receive(encodePacket(packet, 5))
  core.endTurn()
  core.endTurn()
}

function steps(): void {
  const topicName = 'plant/line-3/motor-17/speed'
  const topic = new TextEncoder().encode(topicName)
  const routes = new RouteCache()
  const places = () => ({ firstLevel: 0, twoLevels: 0, exact: 0 })
  routes.learn(topicName, places)
  routes.learn(topicName, places)
  const map = new Map([[topicName, 1]])
  const decoder = new TextDecoder()
  const frame = new Uint8Array(batch * 130)
  const output = new Output()
  const slab = new Slab()
  const each = (work: () => unknown) => perMessage(() => repeat(batch, work))
  const read = new Uint8Array(frame.length)
  const packets = (work: (at: number) => void) =>
    perMessage(() => {
      for (let at = 0; at < frame.length; at += 130) work(at)
    })
  const cases = [
    ['find a route by the bytes of its topic', each(() => routes.find(topic, 0, topic.length))],
    ['find it by a string made of them', each(() => map.get(decoder.decode(topic)))],
    ['copy a payload to where others are', each(() => copyPayload(payload))],
    ['copy it to an array of its own', each(() => payload.slice())],
    ['copy 100 bytes into a packet', packets((at) => copyBytes(read, at, at + 100, frame, at))],
    ['copy them by a view', packets((at) => frame.set(read.subarray(at, at + 100), at))],
    ['100 neighbours as one range', perMessage(() => neighbours(output, frame, slab, 130))],
    ['100 ranges joined', perMessage(() => neighbours(output, frame, slab, 129))],
  ] as const
  for (const [name, nanoseconds] of cases) console.log(`${row(name)} ${nanoseconds} ns`)
}

/** They touch when `size` is as long as what is between their starts. */
function neighbours(output: Output, frame: Uint8Array, slab: Slab, size: number): unknown {
  for (let i = 0; i < batch; i++) output.append(frame, i * 130, i * 130 + size)
  const piece = output.take(slab)
  slab.endTurn()
  return piece
}

function repeat(times: number, work: () => unknown): void {
  for (let i = 0; i < times; i++) globalThis.kept = work()
}

/** Of the fastest of several rounds, for one of the messages in a batch. */
function perMessage(work: () => unknown): string {
  let fastest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 30; round++) {
    const start = performance.now()
    for (let i = 0; i < 100; i++) globalThis.kept = work()
    fastest = Math.min(fastest, performance.now() - start)
  }
  return ((fastest * 1e6) / (100 * batch)).toFixed(0).padStart(6)
}

function row(name: string): string {
  return name.padEnd(40)
}

// Held where the optimizer cannot see that nobody needs it.
declare global {
  var kept: unknown
}
