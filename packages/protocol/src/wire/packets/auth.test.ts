import { bytesOf, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Auth } from './auth.ts'

const plain: Auth = { type: 'auth', reasonCode: 0x18, properties: { authenticationMethod: 'm' } }

readsAndWrites([
  ['continue', 5, 'client', 0xf0, "18 04 15 0001 'm'", plain],
  ['continue', 5, 'server', 0xf0, "18 04 15 0001 'm'", plain],
  ['re-authenticate', 5, 'client', 0xf0, "19 04 15 0001 'm'", { ...plain, reasonCode: 0x19 }],
  ['success', 5, 'server', 0xf0, "00 04 15 0001 'm'", { ...plain, reasonCode: 0 }],
  [
    'every property',
    5,
    'server',
    0xf0,
    "18 14 15 0001 'm' 16 0002 00ff 1f 0001 'r' 26 0001 'k' 0001 'v'",
    {
      ...plain,
      properties: {
        authenticationMethod: 'm',
        authenticationData: bytesOf('00ff'),
        reasonString: 'r',
        userProperties: [['k', 'v']],
      },
    },
  ],
])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.15.1-1', 'AUTH with a flag', 5, 'client', malformed, 0xf1, "18 04 15 0001 'm'"],
  [
    'MQTT5-3.15.2-1',
    'success from a client',
    5,
    'client',
    protocolError,
    0xf0,
    "00 04 15 0001 'm'",
  ],
  [
    'MQTT5-3.15.2-1',
    're-authentication by a server',
    5,
    'server',
    protocolError,
    0xf0,
    "19 04 15 0001 'm'",
  ],
  ['MQTT5-3.15.2-1', 'a failure', 5, 'client', protocolError, 0xf0, "80 04 15 0001 'm'"],
  ['U5-3.15.2-a', 'AUTH without a method', 5, 'client', protocolError, 0xf0, '18 00'],
  ['U5-3.15.2-a', 'AUTH without anything', 5, 'server', protocolError, 0xf0, ''],
  [undefined, 'AUTH without Property Length', 5, 'client', malformed, 0xf0, '18'],
  [undefined, 'two methods', 5, 'client', protocolError, 0xf0, '18 06 15 0000 15 0000'],
  ['U5-2.1.2-a', 'AUTH', 4, 'client', malformed, 0xf0, "18 04 15 0001 'm'"],
  ['U5-2.1.2-a', 'AUTH', 3, 'server', malformed, 0xf0, "18 04 15 0001 'm'"],
])
