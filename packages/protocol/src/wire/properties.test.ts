import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, frame, readFrame, refusal } from '../../fuzz/frames.ts'
import type { Packet } from '../packet.ts'
import type { UserProperty } from '../version.ts'
import { Framer, largestPacket } from './framer.ts'
import { noProperties, type Sender } from './properties.ts'
import { readPacket } from './read-packet.ts'
import { encodePacket } from './write-packet.ts'

type Place = readonly [name: string, from: Sender, firstByte: number, before: string, after: string]

const places: readonly Place[] = [
  ['connect', 'client', 0x10, "0004 'MQTT' 05 02 003c", '0000'],
  ['will', 'client', 0x10, "0004 'MQTT' 05 06 003c 00 0000", "0001 'w' 0000"],
  ['connack', 'server', 0x20, '00 00', ''],
  ['publish from client', 'client', 0x30, "0001 'a'", ''],
  ['publish from server', 'server', 0x30, "0001 'a'", ''],
  ['puback', 'client', 0x40, '0001 00', ''],
  ['pubrec', 'client', 0x50, '0001 00', ''],
  ['pubrel', 'client', 0x62, '0001 00', ''],
  ['pubcomp', 'client', 0x70, '0001 00', ''],
  ['subscribe', 'client', 0x82, '0001', "0001 'a' 00"],
  ['suback', 'server', 0x90, '0001', '00'],
  ['unsubscribe', 'client', 0xa2, '0001', "0001 'a'"],
  ['unsuback', 'server', 0xb0, '0001', '00'],
  ['disconnect from client', 'client', 0xe0, '00', ''],
  ['disconnect from server', 'server', 0xe0, '00', ''],
  ['auth', 'client', 0xf0, '18', ''],
]
const acks = 'puback, pubrec, pubrel, pubcomp, suback, unsuback'
const both = 'publish from client, publish from server, will'
const ends = 'disconnect from client, disconnect from server, auth'
const everywhere = places.map(([name]) => name).join(', ')

/** The identifier, a value, where it may stand, and where the other end alone may send it. */
const table: readonly (readonly [number, string, string, string?])[] = [
  [0x01, '01', both],
  [0x02, '00000001', both],
  [0x03, "0001 'x'", both],
  [0x08, "0001 'x'", both],
  [0x09, "0001 'x'", both],
  [0x0b, '01', 'publish from server, subscribe', 'publish from client'],
  [0x11, '00000001', 'connect, connack, disconnect from client', 'disconnect from server'],
  [0x12, "0001 'x'", 'connack'],
  [0x13, '0001', 'connack'],
  [0x15, "0001 'x'", 'connect, connack, auth'],
  [0x16, "0001 'x'", 'connect, connack, auth'],
  [0x17, '01', 'connect'],
  [0x18, '00000001', 'will'],
  [0x19, '01', 'connect'],
  [0x1a, "0001 'x'", 'connack'],
  [0x1c, "0001 'x'", 'connack, disconnect from server', 'disconnect from client'],
  [0x1f, "0001 'x'", `connack, ${acks}, ${ends}`],
  [0x21, '0001', 'connect, connack'],
  [0x22, '0001', 'connect, connack'],
  [0x23, '0001', 'publish from client, publish from server'],
  [0x24, '01', 'connack'],
  [0x25, '01', 'connack'],
  [0x26, "0001 'k' 0001 'v'", everywhere],
  [0x27, '00000001', 'connect, connack'],
  [0x28, '01', 'connack'],
  [0x29, '01', 'connack'],
  [0x2a, '01', 'connack'],
]
const repeating = new Set([0x26])

const hexByte = (value: number) => value.toString(16).padStart(2, '0')

function read(place: Place, properties: string): Packet {
  const [name, from, firstByte, before, after] = place
  // what the packet needs beside the property in question
  const needsMethod = name === 'auth' || (name === 'connect' && properties.startsWith('16'))
  const method = needsMethod && !properties.startsWith('15') ? "15 0001 'm'" : ''
  const section = `${method} ${properties}`
  const length = hexByte(bytesOf(section).length)
  return readFrame(frame(firstByte, `${before} ${length} ${section} ${after}`), 5, from)
}

test('table 2-4 has 27 properties', () => {
  assert.equal(table.length, 27)
})

for (const place of places) {
  const [name] = place
  test(`${name} takes its properties, each of them once, and no other (U5-2.2.2-a)`, () => {
    for (let identifier = 0; identifier < 0x80; identifier += 1) {
      const row = table.find(([known]) => known === identifier)
      const property = `${hexByte(identifier)} ${row?.[1] ?? '00000000'}`
      const twice = () => read(place, `${property} ${property}`)
      if (row?.[2].split(', ').includes(name)) {
        read(place, property)
        if (repeating.has(identifier) || (identifier === 0x0b && name.startsWith('publish')))
          twice()
        else assert.equal(refusal(twice).reasonCode, 0x82, `${hexByte(identifier)} twice`)
      } else {
        const code = row?.[3] === name ? 0x82 : 0x81
        assert.equal(refusal(() => read(place, property)).reasonCode, code, hexByte(identifier))
      }
    }
    assert.equal(refusal(() => read(place, '8101 00')).reasonCode, 0x81, 'identifier 129')
    assert.equal(refusal(() => read(place, "a600 0001 'k' 0001 'v'")).reasonCode, 0x81, 'padded')
  })
}

test('a packet without properties shares one frozen object', () => {
  const packet = readFrame(frame(0x30, "0001 'a' 00"), 5, 'client')
  assert.equal('properties' in packet && packet.properties, noProperties)
  assert.ok(Object.isFrozen(noProperties))
})

test('keeps the order and the repetitions of 10,000 User Properties [MQTT5-3.3.2-18]', () => {
  const userProperties = Array.from(
    { length: 10_000 },
    (_, i): UserProperty => [`${i % 7}`, `${i}`],
  )
  const packet: Packet = {
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topicName: 'a',
    packetIdentifier: 0,
    properties: { userProperties },
    payload: new Uint8Array(3),
  }
  const framer = new Framer(largestPacket)
  framer.push(encodePacket(packet, 5))
  assert.ok(framer.advance())
  assert.deepEqual(readPacket(framer.firstByte, framer.body(), 5, 'client'), packet)
})
