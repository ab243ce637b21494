import { reads, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Unsuback, Unsubscribe } from './unsubscribe.ts'

const two: Unsubscribe = {
  type: 'unsubscribe',
  packetIdentifier: 10,
  properties: {},
  topicFilters: ['a/#', 'b'],
}
const unsuback: Unsuback = {
  type: 'unsuback',
  packetIdentifier: 10,
  properties: {},
  reasonCodes: [],
}

readsAndWrites([
  ['two filters', 3, 'client', 0xa2, "000a 0003 'a/#' 0001 'b'", two],
  ['two filters', 4, 'client', 0xa2, "000a 0003 'a/#' 0001 'b'", two],
  ['two filters', 5, 'client', 0xa2, "000a 00 0003 'a/#' 0001 'b'", two],
  [
    'a User Property',
    5,
    'client',
    0xa2,
    "000a 07 26 0001 'k' 0001 'v' 0003 'a/#' 0001 'b'",
    { ...two, properties: { userProperties: [['k', 'v']] } },
  ],
  ['identifier', 3, 'server', 0xb0, '000a', unsuback],
  ['identifier', 4, 'server', 0xb0, '000a', unsuback],
  [
    'codes [MQTT5-3.11.3-1]',
    5,
    'server',
    0xb0,
    '000a 00 00 11',
    { ...unsuback, reasonCodes: [0, 0x11] },
  ],
  [
    'a reason',
    5,
    'server',
    0xb0,
    "000a 04 1f 0001 'r' 87",
    { ...unsuback, properties: { reasonString: 'r' }, reasonCodes: [0x87] },
  ],
])

reads([['a repetition with DUP', 3, 'client', 0xaa, "000a 0003 'a/#' 0001 'b'", two]])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.10.3-2', 'UNSUBSCRIBE without filter', 5, 'client', protocolError, 0xa2, '0001 00'],
  ['MQTT5-3.10.3-2', 'UNSUBSCRIBE without filter', 4, 'client', protocolError, 0xa2, '0001'],
  [
    'MQTT5-3.10.1-1',
    'UNSUBSCRIBE without its flag',
    5,
    'client',
    malformed,
    0xa0,
    "0001 00 0001 'a'",
  ],
  [
    'MQTT5-2.2.1-3',
    'UNSUBSCRIBE of Packet Identifier 0',
    5,
    'client',
    protocolError,
    0xa2,
    "0000 00 0001 'a'",
  ],
  ['MQTT5-1.5.4-1', 'a filter that is not UTF-8', 5, 'client', malformed, 0xa2, '0001 00 0001 ff'],
  [undefined, 'a filter past the end', 4, 'client', malformed, 0xa2, "0001 0002 'a'"],
  ['U5-2.2.2-a', 'a Reason String', 5, 'client', malformed, 0xa2, "0001 03 1f 0000 0001 'a'"],
  ['U5-2.1.2-a', 'UNSUBSCRIBE from a server', 4, 'server', protocolError, 0xa2, "0001 0001 'a'"],
  [
    'MQTT5-3.11.3-2',
    'a code that is none of UNSUBACK',
    5,
    'server',
    protocolError,
    0xb0,
    '0001 00 01',
  ],
  ['MQTT5-3.11.3-1', 'UNSUBACK without a code', 5, 'server', protocolError, 0xb0, '0001 00'],
  [undefined, 'UNSUBACK with a code', 4, 'server', malformed, 0xb0, '0001 00'],
  ['MQTT5-2.2.1-3', 'UNSUBACK of Packet Identifier 0', 4, 'server', protocolError, 0xb0, '0000'],
  ['U5-2.1.2-a', 'UNSUBACK from a client', 5, 'client', protocolError, 0xb0, '0001 00 00'],
])
