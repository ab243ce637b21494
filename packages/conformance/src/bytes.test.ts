import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  auth,
  concat,
  connect,
  disconnect,
  hex,
  packet,
  property,
  puback,
  publish,
  pubrel,
  subscribe,
  toHex,
  u16,
  u32,
  unsubscribe,
  utf8,
  varint,
} from './bytes.ts'
import { propertyTable } from './properties.ts'

const rows: readonly (readonly [name: string, bytes: Uint8Array, expected: string])[] = [
  ['u16', u16(0x1234), '1234'],
  ['u32', u32(0xfffffffe), 'fffffffe'],
  ['varint 0', varint(0), '00'],
  ['varint 127', varint(127), '7f'],
  ['varint 128', varint(128), '8001'],
  ['varint 16383', varint(16_383), 'ff7f'],
  ['varint 2097152', varint(2_097_152), '80808001'],
  ['varint 268435455', varint(268_435_455), 'ffffff7f'],
  ['UTF-8 String', utf8('aé'), '0003 61 c3a9'],
  ['UTF-8 String of bytes', utf8(hex('ff')), '0001 ff'],
  ['concat with single bytes', concat(0x30, hex('00'), 0xff), '3000ff'],
  ['packet', packet(0x30, utf8('a')), '30 03 0001 61'],
  [
    'CONNECT 3.1',
    connect({ version: 3, clientId: 'abc' }),
    '10 11 0006 4d5149736470 03 02 003c 0003 616263',
  ],
  [
    'CONNECT 3.1.1',
    connect({ version: 4, clientId: 'abc' }),
    '10 0f 0004 4d515454 04 02 003c 0003 616263',
  ],
  [
    'CONNECT 5.0',
    connect({ version: 5, clientId: 'abc' }),
    '10 10 0004 4d515454 05 02 003c 00 0003 616263',
  ],
  [
    'CONNECT with everything',
    connect({
      version: 5,
      clientId: 'c',
      clean: false,
      keepAlive: 0,
      properties: [property.receiveMaximum(5)],
      will: {
        topic: 't',
        payload: 'p',
        qos: 2,
        retain: true,
        properties: [property.willDelayInterval(1)],
      },
      username: 'u',
      password: hex('ff'),
    }),
    '10 23 0004 4d515454 05 f4 0000 03 210005 0001 63 05 1800000001 0001 74 0001 70 0001 75 0001 ff',
  ],
  ['PUBLISH QoS 0', publish({ version: 4, topic: 'a', payload: 'x' }), '30 04 0001 61 78'],
  [
    'PUBLISH QoS 2 DUP RETAIN',
    publish({ version: 5, topic: 'a', qos: 2, dup: true, retain: true, packetId: 10 }),
    '3d 06 0001 61 000a 00',
  ],
  [
    'SUBSCRIBE',
    subscribe({
      version: 5,
      packetId: 2,
      filters: [{ filter: 'a', options: 1 }, { filter: '#' }],
      properties: [property.subscriptionIdentifier(200)],
    }),
    '82 0e 0002 03 0bc801 0001 61 01 0001 23 00',
  ],
  [
    'SUBSCRIBE 3.1.1',
    subscribe({ version: 4, filters: [{ filter: 'a' }] }),
    '82 06 0001 0001 61 00',
  ],
  ['UNSUBSCRIBE', unsubscribe({ version: 5, filters: ['a'] }), 'a2 06 0001 00 0001 61'],
  ['PUBACK short', puback(0x1234), '40 02 1234'],
  ['PUBACK with code', puback(1, 0x10), '40 03 0001 10'],
  [
    'PUBACK with properties',
    puback(1, 0x80, [property.reasonString('no')]),
    '40 09 0001 80 05 1f00026e6f',
  ],
  ['PUBREL', pubrel(1, 0x92, []), '62 04 0001 92 00'],
  ['DISCONNECT short', disconnect(), 'e0 00'],
  ['DISCONNECT with code', disconnect(4), 'e0 01 04'],
  ['AUTH', auth(0x18, [property.authenticationMethod('x')]), 'f0 06 18 04 15000178'],
]

for (const [name, bytes, expected] of rows) {
  test(`builds ${name}`, () => assert.equal(toHex(bytes), toHex(hex(expected))))
}

test('has a builder for each of the 27 properties', () => {
  assert.equal(propertyTable.length, 27)
  for (const [, name] of propertyTable) assert.equal(typeof property[name], 'function', name)
})

test('each builder begins with the identifier of its property', () => {
  for (const [identifier, name, type] of propertyTable) {
    const build = property[name] as (...values: unknown[]) => Uint8Array
    const bytes =
      type === 'pair' ? build('a', 'b') : build(type === 'string' || type === 'binary' ? 'a' : 1)
    assert.equal(bytes[0], identifier, name)
  }
})

test('refuses what is not hexadecimal', () => {
  assert.throws(() => hex('0'))
  assert.throws(() => hex('zz'))
})
