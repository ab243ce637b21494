import { reads, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Disconnect } from './disconnect.ts'

const plain: Disconnect = { type: 'disconnect', reasonCode: 0, properties: {} }

readsAndWrites([
  ['empty', 3, 'client', 0xe0, '', plain],
  ['empty', 4, 'client', 0xe0, '', plain],
  ['Remaining Length 0 (U5-3.14.2-c)', 5, 'client', 0xe0, '', plain],
  ['Remaining Length 0 (U5-3.14.2-c)', 5, 'server', 0xe0, '', plain],
  ['with Will Message', 5, 'client', 0xe0, '04', { ...plain, reasonCode: 4 }],
  ['taken over', 5, 'server', 0xe0, '8e', { ...plain, reasonCode: 0x8e }],
  [
    'every property of a client',
    5,
    'client',
    0xe0,
    "00 10 11 00000000 1f 0001 'r' 26 0001 'k' 0001 'v'",
    {
      ...plain,
      properties: { sessionExpiryInterval: 0, reasonString: 'r', userProperties: [['k', 'v']] },
    },
  ],
  [
    'every property of a server',
    5,
    'server',
    0xe0,
    "9d 0f 1c 0001 's' 1f 0001 'r' 26 0001 'k' 0001 'v'",
    {
      ...plain,
      reasonCode: 0x9d,
      properties: { serverReference: 's', reasonString: 'r', userProperties: [['k', 'v']] },
    },
  ],
  [
    'Bad authentication method, in table 2-6 only',
    5,
    'client',
    0xe0,
    '8c',
    { ...plain, reasonCode: 0x8c },
  ],
  ['QoS not supported, by section 3.3.4', 5, 'client', 0xe0, '9b', { ...plain, reasonCode: 0x9b }],
])

reads([
  ['Remaining Length 1 (U5-3.14.2-c)', 5, 'client', 0xe0, '00', plain],
  ['Remaining Length 2 (U5-3.14.2-c)', 5, 'client', 0xe0, '00 00', plain],
])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.14.1-1', 'DISCONNECT with a flag', 5, 'client', malformed, 0xe1, ''],
  ['MQTT5-3.14.1-1', 'DISCONNECT with a flag', 4, 'client', malformed, 0xe1, ''],
  ['MQTT5-3.14.2-1', "a server's code from a client", 5, 'client', protocolError, 0xe0, '8b'],
  ['MQTT5-3.14.2-1', "a client's code from a server", 5, 'server', protocolError, 0xe0, '04'],
  ['MQTT5-3.14.2-1', 'a code of CONNACK', 5, 'server', protocolError, 0xe0, '86'],
  [
    'MQTT5-3.14.2-2',
    'Session Expiry Interval from a server',
    5,
    'server',
    protocolError,
    0xe0,
    '00 05 11 00000001',
  ],
  [undefined, 'Server Reference from a client', 5, 'client', protocolError, 0xe0, '00 03 1c 0000'],
  [undefined, 'two Reason Strings', 5, 'client', protocolError, 0xe0, '00 06 1f 0000 1f 0000'],
  ['U5-2.2.2-a', 'a property of CONNECT', 5, 'client', malformed, 0xe0, '00 03 21 0001'],
  [undefined, 'DISCONNECT with a body', 4, 'client', malformed, 0xe0, '00'],
  [undefined, 'DISCONNECT with a body', 3, 'client', malformed, 0xe0, '00'],
  ['U5-2.1.2-a', 'DISCONNECT from a server', 4, 'server', protocolError, 0xe0, ''],
  ['U5-2.1.2-a', 'DISCONNECT from a server', 3, 'server', protocolError, 0xe0, ''],
])
