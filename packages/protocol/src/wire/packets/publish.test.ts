import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, frame, readFrame, reads, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Publish } from './publish.ts'

const plain: Publish = {
  type: 'publish',
  dup: false,
  qos: 0,
  retain: false,
  topicName: 'a/b',
  packetIdentifier: 0,
  properties: {},
  payload: bytesOf("'hi'"),
}
const all = {
  payloadFormatIndicator: 1,
  messageExpiryInterval: 4_294_967_295,
  contentType: 't',
  responseTopic: 'r/s',
  correlationData: bytesOf('00 ff'),
  topicAlias: 65_535,
  userProperties: [
    ['b', '1'],
    ['a', ''],
    ['b', '1'],
  ],
} as const

readsAndWrites([
  ['QoS 0 without identifier [MQTT3-2.3.1-5]', 4, 'client', 0x30, "0003 'a/b' 'hi'", plain],
  ['QoS 0', 3, 'server', 0x30, "0003 'a/b' 'hi'", plain],
  ['QoS 0 [MQTT5-2.2.1-2]', 5, 'client', 0x30, "0003 'a/b' 00 'hi'", plain],
  ['RETAIN', 4, 'client', 0x31, "0003 'a/b' 'hi'", { ...plain, retain: true }],
  [
    'QoS 1',
    4,
    'client',
    0x32,
    "0003 'a/b' 1234 'hi'",
    { ...plain, qos: 1, packetIdentifier: 0x1234 },
  ],
  [
    'QoS 2, DUP, RETAIN',
    5,
    'server',
    0x3d,
    "0003 'a/b' ffff 00 'hi'",
    { ...plain, dup: true, qos: 2, retain: true, packetIdentifier: 0xffff },
  ],
  [
    'empty payload',
    5,
    'client',
    0x31,
    "0003 'a/b' 00",
    { ...plain, retain: true, payload: bytesOf('') },
  ],
  [
    'every property of a client, in the order of table 2-4',
    5,
    'client',
    0x30,
    "0003 'a/b' 2d 01 01 02 ffffffff 03 0001 't' 08 0003 'r/s' 09 0002 00ff 23 ffff" +
      " 26 0001 'b' 0001 '1' 26 0001 'a' 0000 26 0001 'b' 0001 '1' 'hi'",
    { ...plain, properties: all },
  ],
  [
    'several Subscription Identifiers from a server [MQTT5-3.3.4-4]',
    5,
    'server',
    0x30,
    "0003 'a/b' 09 0b 01 0b ffffff7f 0b 01 'hi'",
    { ...plain, properties: { subscriptionIdentifiers: [1, 268_435_455, 1] } },
  ],
  [
    'Topic Alias in the place of the Topic Name',
    5,
    'client',
    0x30,
    "0000 03 23 0001 'hi'",
    { ...plain, topicName: '', properties: { topicAlias: 1 } },
  ],
  [
    'byte order mark kept [MQTT5-1.5.4-3]',
    4,
    'client',
    0x30,
    "0004 efbbbf 'a' 'hi'",
    { ...plain, topicName: '\ufeffa' },
  ],
  [
    'what only a Topic Name parser can refuse',
    4,
    'client',
    0x30,
    '0000',
    { ...plain, topicName: '', payload: bytesOf('') },
  ],
])

reads([
  ['DUP at QoS 0, which means nothing in 3.1', 3, 'client', 0x38, "0003 'a/b' 'hi'", plain],
  [
    'properties in another order (U5-2.2.2-b)',
    5,
    'client',
    0x30,
    "0003 'a/b' 08 23 0001 02 00000005 'hi'",
    { ...plain, properties: { topicAlias: 1, messageExpiryInterval: 5 } },
  ],
])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.3.1-4', 'both QoS bits set', 5, 'client', malformed, 0x36, "0001 'a' 000a 00"],
  ['MQTT5-3.3.1-4', 'both QoS bits set', 3, 'client', malformed, 0x36, "0001 'a' 000a"],
  ['MQTT5-3.3.1-2', 'DUP at QoS 0', 5, 'client', malformed, 0x38, "0001 'a' 00"],
  ['MQTT5-3.3.1-2', 'DUP at QoS 0', 4, 'client', malformed, 0x38, "0001 'a'"],
  ['MQTT5-2.2.1-3', 'Packet Identifier 0', 5, 'client', protocolError, 0x32, "0001 'a' 0000 00"],
  ['MQTT5-2.2.1-3', 'Packet Identifier 0', 4, 'server', protocolError, 0x34, "0001 'a' 0000"],
  ['MQTT5-1.5.4-2', 'U+0000 in the Topic Name', 5, 'client', malformed, 0x30, "0003 'a' 00 'b' 00"],
  ['MQTT5-1.5.4-1', 'a surrogate in the Topic Name', 4, 'client', malformed, 0x30, '0003 eda080'],
  ['MQTT5-1.5.4-1', 'an overlong Topic Name', 4, 'client', malformed, 0x30, '0002 c080'],
  ['MQTT5-1.5.4-1', 'a truncated Topic Name', 4, 'client', malformed, 0x30, '0002 e282'],
  ['U5-3.3.2-a', 'neither Topic Name nor alias', 5, 'client', protocolError, 0x30, '0000 00'],
  ['MQTT5-3.3.2-8', 'Topic Alias 0', 5, 'client', 0x94, 0x30, "0001 'a' 03 23 0000"],
  ['MQTT5-3.3.2-8', 'Topic Alias 0', 5, 'server', 0x94, 0x30, "0001 'a' 03 23 0000"],
  [
    'MQTT5-3.3.4-6',
    'Subscription Identifier from a client',
    5,
    'client',
    protocolError,
    0x30,
    "0001 'a' 02 0b 01",
  ],
  [undefined, 'Subscription Identifier 0', 5, 'server', protocolError, 0x30, "0001 'a' 02 0b 00"],
  [
    'MQTT5-3.3.2-14',
    'a wildcard in the Response Topic',
    5,
    'client',
    protocolError,
    0x30,
    "0001 'a' 06 08 0003 'a/#'",
  ],
  [
    'MQTT5-4.7.3-1',
    'an empty Response Topic',
    5,
    'client',
    protocolError,
    0x30,
    "0001 'a' 03 08 0000",
  ],
  [
    'MQTT5-1.5.4-1',
    'a Content Type that is not UTF-8',
    5,
    'client',
    malformed,
    0x30,
    "0001 'a' 04 03 0001 ff",
  ],
  [
    'MQTT5-1.5.4-2',
    'U+0000 in a User Property',
    5,
    'client',
    malformed,
    0x30,
    "0001 'a' 06 26 0001 00 0000",
  ],
  [undefined, 'Payload Format Indicator 2', 5, 'client', protocolError, 0x30, "0001 'a' 02 01 02"],
  [undefined, 'a Topic Name past the end', 4, 'client', malformed, 0x30, "0005 'a'"],
  [undefined, 'no Property Length', 5, 'client', malformed, 0x30, "0001 'a'"],
  [undefined, 'Property Length past the end', 5, 'client', malformed, 0x30, "0001 'a' 08"],
  [
    undefined,
    'a property past its Property Length',
    5,
    'client',
    malformed,
    0x30,
    "0001 'a' 02 02 00000001",
  ],
  [
    'U5-2.2.2-a',
    'a property of another packet',
    5,
    'client',
    malformed,
    0x30,
    "0001 'a' 05 11 00000001",
  ],
  ['U5-2.2.2-a', 'an unknown property', 5, 'client', malformed, 0x30, "0001 'a' 02 7f 00"],
])

test('the payload is a view of what was read', () => {
  const bytes = frame(0x30, "0001 'a' 'payload'")
  const packet = readFrame(bytes, 4, 'client') as Publish
  assert.equal(packet.payload.buffer, bytes.buffer)
})
