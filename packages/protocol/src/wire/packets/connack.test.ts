import { bytesOf, reads, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Connack } from './connack.ts'

const plain: Connack = { type: 'connack', sessionPresent: false, reasonCode: 0, properties: {} }
const present = { ...plain, sessionPresent: true }

readsAndWrites([
  ['accepted', 3, 'server', 0x20, '00 00', plain],
  ['accepted', 4, 'server', 0x20, '00 00', plain],
  ['accepted [MQTT5-2.2.2-1]', 5, 'server', 0x20, '00 00 00', plain],
  ['Session Present [MQTT3-3.2.2-2]', 4, 'server', 0x20, '01 00', present],
  ['Session Present [MQTT5-3.2.2-3]', 5, 'server', 0x20, '01 00 00', present],
  ['refused', 3, 'server', 0x20, '00 05', { ...plain, reasonCode: 5 }],
  ['refused', 4, 'server', 0x20, '00 02', { ...plain, reasonCode: 2 }],
  ['refused', 5, 'server', 0x20, '00 87 00', { ...plain, reasonCode: 0x87 }],
  [
    'every property, in the order of table 2-4',
    5,
    'server',
    0x20,
    "01 00 3a 11 00000001 12 0001 'i' 13 0002 15 0001 'm' 16 0000 1a 0001 'q' 1c 0001 's'" +
      " 1f 0001 'r' 21 0003 22 0000 24 01 25 00 26 0001 'k' 0000 27 00000400 28 00 29 01 2a 00",
    {
      ...present,
      properties: {
        sessionExpiryInterval: 1,
        assignedClientIdentifier: 'i',
        serverKeepAlive: 2,
        authenticationMethod: 'm',
        authenticationData: bytesOf(''),
        responseInformation: 'q',
        serverReference: 's',
        reasonString: 'r',
        receiveMaximum: 3,
        topicAliasMaximum: 0,
        maximumQoS: 1,
        retainAvailable: 0,
        userProperties: [['k', '']],
        maximumPacketSize: 1024,
        wildcardSubscriptionAvailable: 0,
        subscriptionIdentifierAvailable: 1,
        sharedSubscriptionAvailable: 0,
      },
    },
  ],
])

reads([['flags that 3.1 reserves', 3, 'server', 0x20, 'ff 00', plain]])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.2.2-1', 'reserved flags', 5, 'server', malformed, 0x20, '02 00 00'],
  ['MQTT5-3.2.2-1', 'reserved flags', 4, 'server', malformed, 0x20, '81 00'],
  ['MQTT5-2.1.3-1', 'flags in the fixed header', 5, 'server', malformed, 0x21, '00 00 00'],
  ['MQTT5-3.2.2-6', 'a refusal with Session Present', 5, 'server', protocolError, 0x20, '01 87 00'],
  ['MQTT5-3.2.2-6', 'a refusal with Session Present', 4, 'server', protocolError, 0x20, '01 05'],
  ['MQTT5-3.2.2-8', 'a Reason Code of other packets', 5, 'server', protocolError, 0x20, '00 8e 00'],
  ['MQTT5-3.2.2-8', 'a reserved return code', 4, 'server', protocolError, 0x20, '00 06'],
  [undefined, 'the refusal of a server that knows no 5.0', 5, 'server', 0x84, 0x20, '00 01'],
  [undefined, 'no Property Length', 5, 'server', malformed, 0x20, '00 00'],
  [undefined, 'bytes left over', 4, 'server', malformed, 0x20, '00 00 00'],
  [undefined, 'no return code', 3, 'server', malformed, 0x20, '00'],
  [undefined, 'Maximum QoS 2', 5, 'server', protocolError, 0x20, '00 00 02 24 02'],
  [undefined, 'Retain Available 2', 5, 'server', protocolError, 0x20, '00 00 02 25 02'],
  [
    undefined,
    'Wildcard Subscription Available 2',
    5,
    'server',
    protocolError,
    0x20,
    '00 00 02 28 02',
  ],
  [
    undefined,
    'Subscription Identifier Available 2',
    5,
    'server',
    protocolError,
    0x20,
    '00 00 02 29 02',
  ],
  [
    undefined,
    'Shared Subscription Available 2',
    5,
    'server',
    protocolError,
    0x20,
    '00 00 02 2a 02',
  ],
  [undefined, 'Receive Maximum 0', 5, 'server', protocolError, 0x20, '00 00 03 21 0000'],
  [undefined, 'Maximum Packet Size 0', 5, 'server', protocolError, 0x20, '00 00 05 27 00000000'],
  [
    undefined,
    'the same property twice',
    5,
    'server',
    protocolError,
    0x20,
    '00 00 06 13 0001 13 0001',
  ],
  ['U5-2.2.2-a', 'a property of CONNECT', 5, 'server', malformed, 0x20, '00 00 02 17 01'],
  ['U5-2.1.2-a', 'CONNACK from a client', 5, 'client', protocolError, 0x20, '00 00 00'],
])
