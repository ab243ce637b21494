// Nanoseconds per byte for inputs that grow tenfold: what is linear stays where it is.
//   node -C @busbar/source packages/protocol/bench/linear.ts
import type { Packet } from '../src/packet.ts'
import type { UserProperty } from '../src/version.ts'
import { Framer, largestPacket } from '../src/wire/framer.ts'
import type { Publish } from '../src/wire/packets/publish.ts'
import { noProperties } from '../src/wire/properties.ts'
import { readPacket } from '../src/wire/read-packet.ts'
import { encodePacket } from '../src/wire/write-packet.ts'

const publish: Publish = {
  type: 'publish',
  dup: false,
  qos: 0,
  retain: false,
  topicName: 'a',
  packetIdentifier: 0,
  properties: noProperties,
  payload: new Uint8Array(0),
}

function userProperties(size: number): Packet {
  const all = Array.from({ length: size }, (_, i): UserProperty => [`name ${i}`, `value ${i}`])
  return { ...publish, properties: { userProperties: all } }
}

function identifiers(size: number): Packet {
  return { ...publish, properties: { subscriptionIdentifiers: new Array(size).fill(200) } }
}

function filters(size: number): Packet {
  const topicFilters = Array.from({ length: size }, (_, i) => `plant/${i}/#`)
  return { type: 'unsubscribe', packetIdentifier: 1, properties: noProperties, topicFilters }
}

function codes(size: number): Packet {
  const reasonCodes = new Array(size).fill(0x87)
  return { type: 'suback', packetIdentifier: 1, properties: noProperties, reasonCodes }
}

function payload(size: number): Packet {
  return { ...publish, payload: new Uint8Array(size * 100) }
}

function longText(size: number): Packet {
  const reasonString = 'é'.repeat(Math.min(32_767, size))
  return { type: 'puback', packetIdentifier: 1, reasonCode: 0x87, properties: { reasonString } }
}

const whole = Number.POSITIVE_INFINITY
const cases = [
  ['User Properties', userProperties, whole],
  ['Subscription Identifiers', identifiers, whole],
  ['Topic Filters of UNSUBSCRIBE', filters, whole],
  ['Reason Codes of SUBACK', codes, whole],
  ['text that is not ASCII', longText, whole],
  ['User Properties, byte by byte', userProperties, 1],
  ['payload in chunks of 1,460 bytes', payload, 1_460],
] as const

for (const [name, packetOf, chunkSize] of cases) {
  const columns = [100, 1_000, 10_000, 100_000].map((size) => {
    const packet = packetOf(size)
    const bytes = encodePacket(packet, 5)
    const read = fastest(() => receive(bytes, packet, chunkSize))
    const write = fastest(() => encodePacket(packet, 5))
    const perByte = (ms: number) => ((ms * 1e6) / bytes.length).toFixed(2)
    return `${size}: ${perByte(read)} ${perByte(write)} (${read.toFixed(2)} ms)`.padEnd(34)
  })
  console.log(`${name}, ns per byte read and written`)
  console.log(`  ${columns.join('')}`)
}

function receive(bytes: Uint8Array, { type }: Packet, chunkSize: number): void {
  const framer = new Framer(largestPacket)
  const from = type === 'unsubscribe' ? 'client' : 'server'
  for (let at = 0; at < bytes.length; at += chunkSize) {
    framer.push(bytes.subarray(at, at + chunkSize))
    while (framer.advance()) readPacket(framer.firstByte, framer.body(), 5, from)
  }
}

/** Milliseconds of the fastest of several runs. */
function fastest(work: () => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 12; round += 1) {
    const start = performance.now()
    work()
    best = Math.min(best, performance.now() - start)
  }
  return best
}
