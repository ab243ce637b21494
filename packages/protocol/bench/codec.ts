// Nanoseconds for reading and writing one packet: node -C @busbar/source bench/codec.ts

import type { Packet } from '../src/packet.ts'
import type { ProtocolVersion } from '../src/version.ts'
import { Framer } from '../src/wire/framer.ts'
import type { Puback } from '../src/wire/packets/acks.ts'
import type { Publish } from '../src/wire/packets/publish.ts'
import { noProperties } from '../src/wire/properties.ts'
import { readPacket } from '../src/wire/read-packet.ts'
import { encodePacket, writePacket } from '../src/wire/write-packet.ts'
import { PacketWriter } from '../src/wire/writer.ts'

const publish: Publish = {
  type: 'publish',
  dup: false,
  qos: 1,
  retain: false,
  topicName: 'plant/line-3/motor-17/speed',
  packetIdentifier: 4_711,
  properties: noProperties,
  payload: new TextEncoder().encode('{"value":1482.5,"quality":"good","at":1795343456789}'),
}
const described: Publish = {
  ...publish,
  properties: { messageExpiryInterval: 300, topicAlias: 5, contentType: 'application/json' },
}
const tagged: Publish = {
  ...publish,
  properties: {
    payloadFormatIndicator: 1,
    messageExpiryInterval: 300,
    userProperties: [
      ['unit', 'rpm'],
      ['site', 'north'],
    ],
  },
}
const puback: Puback = {
  type: 'puback',
  packetIdentifier: 4_711,
  reasonCode: 0,
  properties: noProperties,
}

const cases: readonly (readonly [name: string, packet: Packet, version: ProtocolVersion])[] = [
  ['PUBLISH 3.1.1 QoS 1', publish, 4],
  ['PUBLISH 3.1.1 QoS 0', { ...publish, qos: 0, packetIdentifier: 0 }, 4],
  ['PUBLISH 5.0 QoS 1, no property', publish, 5],
  ['PUBLISH 5.0 QoS 1, expiry, alias, content type', described, 5],
  ['PUBLISH 5.0 QoS 1, format, expiry, 2 user properties', tagged, 5],
  ['PUBACK 5.0', puback, 5],
]

const batch = 200

// The first round over all cases is for the optimizer, which sees every kind of packet then.
for (const [index, [name, packet, version]] of [...cases, ...cases].entries()) {
  const one = encodePacket(packet, version)
  const stream = new Uint8Array(one.length * batch)
  for (let i = 0; i < batch; i += 1) stream.set(one, i * one.length)
  const framer = new Framer(65_536)
  const read = nanoseconds(() => {
    framer.push(stream)
    while (framer.advance())
      globalThis.kept = readPacket(framer.firstByte, framer.body(), version, 'client')
  })
  const encode = nanoseconds(() => {
    for (let i = 0; i < batch; i += 1) globalThis.kept = encodePacket(packet, version)
  })
  const writer = new PacketWriter(one.length * batch)
  const write = nanoseconds(() => {
    writer.truncate(0)
    for (let i = 0; i < batch; i += 1) writePacket(writer, packet, version)
  })
  const columns = [name.padEnd(54), `read ${read}`, `encode ${encode}`, `write ${write} ns`]
  if (index >= cases.length) console.log(columns.join('  '))
}

/** Of the fastest of several rounds, for one of the packets in a batch. */
function nanoseconds(work: () => void): string {
  let fastest = Number.POSITIVE_INFINITY
  for (let round = 0; round < 20; round += 1) {
    const start = performance.now()
    for (let i = 0; i < 200; i += 1) work()
    fastest = Math.min(fastest, performance.now() - start)
  }
  return ((fastest * 1e6) / (200 * batch)).toFixed(0).padStart(5)
}

// Held where the optimizer cannot see that nobody needs it.
declare global {
  var kept: unknown
}
