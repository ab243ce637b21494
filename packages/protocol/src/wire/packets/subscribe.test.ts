import { reads, readsAndWrites, refuses } from '../../../fuzz/frames.ts'
import type { Suback, Subscribe, SubscriptionOptions } from './subscribe.ts'

const options: SubscriptionOptions = {
  qos: 0,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
}
const one: Subscribe = {
  type: 'subscribe',
  packetIdentifier: 10,
  properties: {},
  subscriptions: [{ topicFilter: 'a/#', options: { ...options, qos: 1 } }],
}
const suback: Suback = {
  type: 'suback',
  packetIdentifier: 10,
  properties: {},
  reasonCodes: [0, 1, 2],
}

readsAndWrites([
  ['one filter', 3, 'client', 0x82, "000a 0003 'a/#' 01", one],
  ['one filter', 4, 'client', 0x82, "000a 0003 'a/#' 01", one],
  ['one filter', 5, 'client', 0x82, "000a 00 0003 'a/#' 01", one],
  [
    'two filters, every option and property',
    5,
    'client',
    0x82,
    "000a 0a 0b 8001 26 0001 'k' 0001 'v' 0001 '+' 2e 000a '$share/g/t' 18",
    {
      ...one,
      properties: { subscriptionIdentifier: 128, userProperties: [['k', 'v']] },
      subscriptions: [
        {
          topicFilter: '+',
          options: { qos: 2, noLocal: true, retainAsPublished: true, retainHandling: 2 },
        },
        {
          topicFilter: '$share/g/t',
          options: { ...options, retainAsPublished: true, retainHandling: 1 },
        },
      ],
    },
  ],
  ['granted [MQTT5-3.9.3-1]', 5, 'server', 0x90, '000a 00 00 01 02', suback],
  ['granted [MQTT3-3.9.3-1]', 4, 'server', 0x90, '000a 00 01 02', suback],
  ['granted', 3, 'server', 0x90, '000a 00 01 02', suback],
  ['refused', 4, 'server', 0x90, '000a 80', { ...suback, reasonCodes: [0x80] }],
  [
    'refused with a reason',
    5,
    'server',
    0x90,
    "000a 04 1f 0001 'r' 87 a2",
    { ...suback, properties: { reasonString: 'r' }, reasonCodes: [0x87, 0xa2] },
  ],
])

reads([
  ['a repetition with DUP', 3, 'client', 0x8a, "000a 0003 'a/#' 01", one],
  ['options that 3.1 has no use for', 3, 'client', 0x82, "000a 0003 'a/#' fd", one],
])

const malformed = 0x81
const protocolError = 0x82

refuses([
  ['MQTT5-3.8.3-2', 'SUBSCRIBE without filter', 5, 'client', protocolError, 0x82, '0001 00'],
  ['MQTT5-3.8.3-2', 'SUBSCRIBE without filter', 4, 'client', protocolError, 0x82, '0001'],
  [undefined, 'a filter without options', 5, 'client', malformed, 0x82, "0001 00 0001 'a'"],
  ['MQTT5-3.8.3-5', 'reserved options', 5, 'client', malformed, 0x82, "0001 00 0001 'a' 40"],
  ['MQTT5-3.8.3-5', 'reserved options', 5, 'client', malformed, 0x82, "0001 00 0001 'a' 80"],
  ['MQTT5-3.8.3-5', 'No Local', 4, 'client', malformed, 0x82, "0001 0001 'a' 04"],
  ['U5-3.8.3-a', 'QoS 3', 5, 'client', protocolError, 0x82, "0001 00 0001 'a' 03"],
  ['U5-3.8.3-a', 'QoS 3', 4, 'client', protocolError, 0x82, "0001 0001 'a' 03"],
  ['U5-3.8.3-a', 'QoS 3', 3, 'client', protocolError, 0x82, "0001 0001 'a' 03"],
  ['U5-3.8.3-a', 'Retain Handling 3', 5, 'client', protocolError, 0x82, "0001 00 0001 'a' 30"],
  [
    'MQTT5-3.8.3-4',
    'No Local on a Shared Subscription',
    5,
    'client',
    protocolError,
    0x82,
    "0001 00 000a '$share/g/t' 04",
  ],
  [
    'MQTT5-2.2.1-3',
    'SUBSCRIBE of Packet Identifier 0',
    5,
    'client',
    protocolError,
    0x82,
    "0000 00 0001 'a' 00",
  ],
  [
    'MQTT5-3.8.1-1',
    'SUBSCRIBE without its flag',
    5,
    'client',
    malformed,
    0x80,
    "0001 00 0001 'a' 00",
  ],
  ['MQTT5-3.8.1-1', 'SUBSCRIBE with DUP', 4, 'client', malformed, 0x8a, "0001 0001 'a' 00"],
  ['MQTT5-1.5.4-1', 'a filter that is not UTF-8', 4, 'client', malformed, 0x82, '0001 0001 ff 00'],
  [
    undefined,
    'Subscription Identifier 0',
    5,
    'client',
    protocolError,
    0x82,
    "0001 02 0b 00 0001 'a' 00",
  ],
  [
    undefined,
    'two Subscription Identifiers',
    5,
    'client',
    protocolError,
    0x82,
    "0001 04 0b 01 0b 01 0001 'a' 00",
  ],
  [
    'U5-1.5.5-a',
    'a Subscription Identifier of five bytes',
    5,
    'client',
    malformed,
    0x82,
    "0001 06 0b 8080808001 0001 'a' 00",
  ],
  [
    'MQTT5-1.5.5-1',
    'a padded Subscription Identifier',
    5,
    'client',
    malformed,
    0x82,
    "0001 03 0b 8100 0001 'a' 00",
  ],
  [
    'U5-2.2.2-a',
    'a property of PUBLISH',
    5,
    'client',
    malformed,
    0x82,
    "0001 03 23 0001 0001 'a' 00",
  ],
  [
    'U5-2.1.2-a',
    'SUBSCRIBE from a server',
    5,
    'server',
    protocolError,
    0x82,
    "0001 00 0001 'a' 00",
  ],
  [
    'MQTT5-3.9.3-2',
    'a code that is none of SUBACK',
    5,
    'server',
    protocolError,
    0x90,
    '0001 00 03',
  ],
  ['MQTT5-3.9.3-2', 'a code of 5.0', 4, 'server', protocolError, 0x90, '0001 87'],
  ['MQTT5-3.9.3-2', 'a failure', 3, 'server', protocolError, 0x90, '0001 80'],
  ['MQTT5-3.8.4-6', 'SUBACK without a code', 5, 'server', protocolError, 0x90, '0001 00'],
  ['MQTT5-2.2.1-3', 'SUBACK of Packet Identifier 0', 4, 'server', protocolError, 0x90, '0000 00'],
  ['U5-2.1.2-a', 'SUBACK from a client', 4, 'client', protocolError, 0x90, '0001 00'],
])
