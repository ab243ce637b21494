import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Accepted,
  frame,
  hexOf,
  type Refused,
  reads,
  readsAndWrites,
  refuses,
} from '../../../fuzz/frames.ts'
import type { Packet } from '../../packet.ts'
import { encodePacket } from '../write-packet.ts'
import type { Puback } from './acks.ts'

const ack = { packetIdentifier: 0x1234, reasonCode: 0, properties: {} }
const types = [
  ['puback', 0x40, 0x87, '87', 'MQTT5-3.4.2-1'],
  ['pubrec', 0x50, 0x99, '99', 'MQTT5-3.5.2-1'],
  ['pubrel', 0x62, 0x92, '92', 'MQTT5-3.6.2-1'],
  ['pubcomp', 0x70, 0x92, '92', 'MQTT5-3.7.2-1'],
] as const

const malformed = 0x81
const protocolError = 0x82

for (const [type, firstByte, code, hex, statement] of types) {
  const plain: Puback = { type: type as 'puback', ...ack }
  const properties = { reasonString: 'r', userProperties: [['k', 'v']] } as const
  const written: Accepted[] = [
    ['identifier', 3, 'client', firstByte, '1234', plain],
    ['identifier', 4, 'server', firstByte, '1234', plain],
    ['Remaining Length 2 (U5-3.4.2-a)', 5, 'client', firstByte, '1234', plain],
    [
      'Remaining Length 3 (U5-3.4.2-a)',
      5,
      'client',
      firstByte,
      `1234 ${hex}`,
      { ...plain, reasonCode: code },
    ],
    [
      'properties with a Reason Code',
      5,
      'server',
      firstByte,
      `1234 ${hex} 0b 1f 0001 'r' 26 0001 'k' 0001 'v'`,
      { ...plain, reasonCode: code, properties },
    ],
    [
      'properties with Success',
      5,
      'server',
      firstByte,
      "1234 00 04 1f 0001 'r'",
      { ...plain, properties: { reasonString: 'r' } },
    ],
  ]
  readsAndWrites(written)
  reads([
    ['Success in Remaining Length 3 (U5-3.4.2-a)', 5, 'client', firstByte, '1234 00', plain],
    ['Success in Remaining Length 4 (U5-3.4.2-a)', 5, 'client', firstByte, '1234 00 00', plain],
  ])
  const refused: Refused[] = [
    [
      'MQTT5-2.2.1-3',
      `${type} of Packet Identifier 0`,
      5,
      'client',
      protocolError,
      firstByte,
      '0000',
    ],
    [
      'MQTT5-2.2.1-3',
      `${type} of Packet Identifier 0`,
      4,
      'client',
      protocolError,
      firstByte,
      '0000',
    ],
    [
      statement,
      `${type} with the code of another packet`,
      5,
      'client',
      protocolError,
      firstByte,
      '1234 8e',
    ],
    [statement, `${type} with code 1`, 5, 'server', protocolError, firstByte, '1234 01'],
    [undefined, `${type} without identifier`, 4, 'client', malformed, firstByte, ''],
    [undefined, `${type} with half an identifier`, 5, 'client', malformed, firstByte, '12'],
    [undefined, `${type} with a Reason Code`, 4, 'client', malformed, firstByte, '1234 00'],
    [undefined, `${type} with a Reason Code`, 3, 'client', malformed, firstByte, '1234 00'],
    [undefined, `${type} with bytes left over`, 5, 'client', malformed, firstByte, '1234 00 00 00'],
    [
      undefined,
      `${type} with two Reason Strings`,
      5,
      'client',
      protocolError,
      firstByte,
      '1234 00 06 1f 0000 1f 0000',
    ],
    [
      'U5-2.2.2-a',
      `${type} with a property of CONNECT`,
      5,
      'client',
      malformed,
      firstByte,
      '1234 00 03 21 0001',
    ],
  ]
  refuses(refused)
}

readsAndWrites([
  [
    'No matching subscribers from a server',
    5,
    'server',
    0x40,
    '1234 10',
    { type: 'puback', ...ack, reasonCode: 0x10 },
  ],
  [
    'No matching subscribers from a server',
    5,
    'server',
    0x50,
    '1234 10',
    { type: 'pubrec', ...ack, reasonCode: 0x10 },
  ],
])

refuses([
  [
    'MQTT5-3.4.2-1',
    'No matching subscribers in PUBACK from a client',
    5,
    'client',
    protocolError,
    0x40,
    '1234 10',
  ],
  [
    'MQTT5-3.5.2-1',
    'No matching subscribers in PUBREC from a client',
    5,
    'client',
    protocolError,
    0x50,
    '1234 10',
  ],
  ['MQTT5-2.1.3-1', 'PUBACK with flags', 5, 'client', malformed, 0x41, '0001'],
  ['MQTT5-2.1.3-1', 'PUBCOMP with flags', 4, 'client', malformed, 0x72, '0001'],
  ['MQTT5-3.6.1-1', 'PUBREL without its flag', 5, 'client', malformed, 0x60, '0001'],
  ['MQTT5-3.6.1-1', 'PUBREL with another flag', 4, 'client', malformed, 0x63, '0001'],
  ['MQTT5-3.6.1-1', 'PUBREL with DUP', 4, 'client', malformed, 0x6a, '0001'],
  ['MQTT5-3.6.1-1', 'PUBREL of QoS 3', 3, 'client', malformed, 0x66, '0001'],
])

reads([['PUBREL with DUP', 3, 'client', 0x6a, '1234', { type: 'pubrel', ...ack }]])

test('writes no Reason Code and no property to 3.1.1', () => {
  const packet: Packet = {
    type: 'pubrec',
    ...ack,
    reasonCode: 0x87,
    properties: { reasonString: 'no' },
  }
  assert.equal(hexOf(encodePacket(packet, 4)), hexOf(frame(0x50, '1234')))
})

test('an empty list of User Properties needs no long form', () => {
  const packet: Packet = { type: 'puback', ...ack, properties: { userProperties: [] } }
  assert.equal(hexOf(encodePacket(packet, 5)), hexOf(frame(0x40, '1234')))
})
