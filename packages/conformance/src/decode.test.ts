import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, hex, property, publish, type Version } from './bytes.ts'
import { DecodeError, Decoder } from './decode.ts'
import type { Received } from './received.ts'
import type { Violation } from './violations.ts'

function decode(bytes: string | Uint8Array, version: Version = 5): Received {
  const [received] = new Decoder(version).push(typeof bytes === 'string' ? hex(bytes) : bytes)
  assert.ok(received !== undefined, 'no whole packet')
  return received
}

const rows = [
  [5, '20 03 01 00 00', { type: 'connack', sessionPresent: true, reasonCode: 0 }],
  [5, '20 02 00 01', { type: 'connack', reasonCode: 1 }],
  [4, '20 03 00 84 00', { type: 'connack', reasonCode: 0x84 }],
  [4, '20 02 00 05', { type: 'connack', reasonCode: 5 }],
  [5, '30 05 0001 61 00 78', { type: 'publish', topic: 'a', text: 'x', qos: 0, packetId: 0 }],
  [4, '3b 06 0001 61 0007 78', { qos: 1, dup: true, retain: true, packetId: 7, text: 'x' }],
  [5, '40 02 1234', { type: 'puback', packetId: 0x1234, reasonCode: 0 }],
  [5, '50 03 0001 97', { type: 'pubrec', reasonCode: 0x97 }],
  [5, '62 04 0001 92 00', { type: 'pubrel', flags: 2, reasonCode: 0x92 }],
  [4, '70 02 0001', { type: 'pubcomp', packetId: 1 }],
  [5, '90 06 0001 00 00 87 02', { type: 'suback', reasonCodes: [0, 0x87, 2] }],
  [4, '90 04 0001 01 80', { type: 'suback', reasonCodes: [1, 0x80] }],
  [4, 'b0 02 0009', { type: 'unsuback', packetId: 9, reasonCodes: [] }],
  [5, 'b0 04 0009 00 11', { type: 'unsuback', reasonCodes: [0x11] }],
  [5, 'd0 00', { type: 'pingresp' }],
  [5, 'e0 00', { type: 'disconnect', reasonCode: 0 }],
  [5, 'e0 01 8e', { type: 'disconnect', reasonCode: 0x8e }],
  [5, 'f0 06 18 04 150001 78', { type: 'auth', reasonCode: 0x18 }],
] as const

for (const [version, bytes, fields] of rows) {
  test(`decodes ${bytes} of version ${version}`, () => {
    const received = decode(bytes, version)
    for (const [name, value] of Object.entries(fields)) {
      assert.deepEqual(received[name as keyof Received], value, name)
    }
  })
}

test('gives properties by name and by identifier, those that repeat in their order', () => {
  const received = decode(
    publish({
      version: 5,
      topic: 'a',
      properties: [
        property.userProperty('n', '1'),
        property.contentType('text'),
        property.userProperty('n', '2'),
        property.correlationData(hex('00ff')),
      ],
    }),
  )
  assert.equal(received.property('contentType'), 'text')
  assert.equal(received.property(0x03), 'text')
  assert.deepEqual(received.property('correlationData'), hex('00ff'))
  assert.deepEqual(received.properties('userProperty'), [
    ['n', '1'],
    ['n', '2'],
  ])
  assert.equal(received.property('topicAlias'), undefined)
})

test('lets the refusal of an unknown Protocol Level have the form of the other version', () => {
  for (const [version, bytes] of [
    [5, '20 02 00 01'],
    [4, '20 03 00 84 00'],
  ] as const) {
    const told: Violation[] = []
    new Decoder(version, (violation) => told.push(violation)).push(hex(bytes))
    assert.deepEqual(told, [])
  }
})

test('gives the same packets however the stream is cut', () => {
  const stream = concat(hex('20 03 00 00 00'), hex('30 05 0001 61 00 78'), hex('d0 00'))
  for (let size = 1; size <= stream.length; size += 1) {
    const decoder = new Decoder(5)
    const types: string[] = []
    for (let at = 0; at < stream.length; at += size) {
      types.push(...decoder.push(stream.subarray(at, at + size)).map(({ type }) => type))
    }
    assert.deepEqual(types, ['connack', 'publish', 'pingresp'])
    assert.equal(decoder.pending.length, 0)
  }
})

const broken = [
  [5, 'c0 00', 'a packet that only clients send'],
  [4, 'e0 00', 'DISCONNECT of a 3.1.1 Server'],
  [5, '30 ff ff ff ff 01', 'a Remaining Length of five bytes'],
  [5, '20 02 00 00', 'a CONNACK 00 without Property Length'],
  [4, '20 03 00 00 00', 'a CONNACK 00 of 3.1.1 with a Property Length'],
  [5, '40 01 00', 'a packet that ends before its last field'],
  [4, '40 03 0001 00', 'a packet with bytes left over'],
  [5, '20 05 00 00 02 7f 00', 'an unknown property'],
  [5, '20 05 00 00 08 21 00', 'a Property Length past the packet'],
] as const

for (const [version, bytes, name] of broken) {
  test(`does not decode ${name}`, () => {
    assert.throws(() => new Decoder(version).push(hex(bytes)), DecodeError)
  })
}

const violations = [
  [5, 'd1 00', 'MQTT5-2.1.3-1'],
  [4, 'd1 00', 'MQTT3-2.2.2-1'],
  [5, 'd0 80 00', 'MQTT5-1.5.5-1'],
  [5, '20 03 02 00 00', 'MQTT5-3.2.2-1'],
  [5, '20 03 01 87 00', 'MQTT5-3.2.2-6'],
  [4, '20 02 01 05', 'MQTT3-3.2.2-4'],
  [4, '20 02 00 06', 'MQTT3-3.2.2-6'],
  [5, '36 07 0001 61 0001 00 78', 'MQTT5-3.3.1-4'],
  [5, '38 04 0001 61 00', 'MQTT5-3.3.1-2'],
  [5, '32 06 0001 61 0000 00', 'MQTT5-2.2.1-4'],
  [4, '30 03 0001 23', 'MQTT3-3.3.2-2'],
  [5, '30 04 0001 ff 00', 'MQTT5-1.5.4-1'],
  [5, '30 04 0001 00 00', 'MQTT5-1.5.4-2'],
  [5, '40 03 0001 92', 'MQTT5-3.4.2-1'],
  [5, '90 04 0001 00 03', 'MQTT5-3.9.3-2'],
  [4, '90 03 0001 87', 'MQTT3-3.9.3-2'],
  [5, 'e0 01 04', 'MQTT5-3.14.2-1'],
  [5, 'e0 07 8e 05 1100000001', 'MQTT5-3.14.2-2'],
  [5, 'f0 06 19 04 150001 78', 'MQTT5-3.15.2-1'],
  [5, '20 06 00 00 03 230001', 'U5-2.2.2-a'],
  [5, '20 09 00 00 06 210001 210001', 'U5-2.2.2-a'],
] as const

for (const [version, bytes, statement] of violations) {
  test(`tells that ${bytes} breaks [${statement}]`, () => {
    const told: Violation[] = []
    new Decoder(version, (violation) => told.push(violation)).push(hex(bytes))
    assert.deepEqual(
      told.map((each) => each.statement),
      [statement],
    )
  })
}
