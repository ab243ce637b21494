import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  bytesOf,
  frame,
  readFrame,
  reads,
  readsAndWrites,
  refusal,
  refuses,
} from '../../../fuzz/frames.ts'
import type { ProtocolVersion } from '../../version.ts'
import type { Connect } from './connect.ts'

const plain: Connect = {
  type: 'connect',
  protocolVersion: 5,
  clientIdentifier: 'abc',
  cleanStart: true,
  keepAliveSeconds: 60,
  properties: {},
  will: undefined,
  username: undefined,
  password: undefined,
}
const will = {
  topicName: 'w',
  payload: bytesOf("'gone'"),
  qos: 1,
  retain: true,
  properties: {},
} as const
const named = { ...plain, username: 'u', password: bytesOf('00 ff') }

readsAndWrites([
  [
    'smallest',
    3,
    'client',
    0x10,
    "0006 'MQIsdp' 03 02 003c 0003 'abc'",
    { ...plain, protocolVersion: 3 },
  ],
  [
    'smallest',
    4,
    'client',
    0x10,
    "0004 'MQTT' 04 02 003c 0003 'abc'",
    { ...plain, protocolVersion: 4 },
  ],
  ['smallest', 5, 'client', 0x10, "0004 'MQTT' 05 02 003c 00 0003 'abc'", plain],
  [
    'no Client Identifier with Clean Session [MQTT3-3.1.3-6]',
    4,
    'client',
    0x10,
    "0004 'MQTT' 04 02 003c 0000",
    { ...plain, protocolVersion: 4, clientIdentifier: '' },
  ],
  [
    'no Client Identifier without Clean Start [MQTT5-3.1.3-6]',
    5,
    'client',
    0x10,
    "0004 'MQTT' 05 00 0000 00 0000",
    { ...plain, cleanStart: false, keepAliveSeconds: 0, clientIdentifier: '' },
  ],
  [
    'Will, user name and password [MQTT3-3.1.3-1]',
    4,
    'client',
    0x10,
    "0004 'MQTT' 04 ee 003c 0003 'abc' 0001 'w' 0004 'gone' 0001 'u' 0002 00ff",
    { ...named, protocolVersion: 4, will },
  ],
  [
    'Will, user name and password',
    3,
    'client',
    0x10,
    "0006 'MQIsdp' 03 ee 003c 0003 'abc' 0001 'w' 0004 'gone' 0001 'u' 0002 00ff",
    { ...named, protocolVersion: 3, will },
  ],
  [
    'Will, user name and password [MQTT5-3.1.3-1]',
    5,
    'client',
    0x10,
    "0004 'MQTT' 05 ee 003c 00 0003 'abc' 00 0001 'w' 0004 'gone' 0001 'u' 0002 00ff",
    { ...named, will },
  ],
  [
    'password alone [MQTT5-3.1.2-19]',
    5,
    'client',
    0x10,
    "0004 'MQTT' 05 42 003c 00 0003 'abc' 0001 'p'",
    { ...plain, password: bytesOf("'p'") },
  ],
  [
    'every property, in the order of table 2-4',
    5,
    'client',
    0x10,
    "0004 'MQTT' 05 02 003c 23 11 ffffffff 15 0001 'm' 16 0001 'd' 17 00 19 01 21 0001 22 ffff" +
      " 26 0001 'a' 0001 'b' 27 00000001 0003 'abc'",
    {
      ...plain,
      properties: {
        sessionExpiryInterval: 4_294_967_295,
        authenticationMethod: 'm',
        authenticationData: bytesOf("'d'"),
        requestProblemInformation: 0,
        requestResponseInformation: 1,
        receiveMaximum: 1,
        topicAliasMaximum: 65_535,
        userProperties: [['a', 'b']],
        maximumPacketSize: 1,
      },
    },
  ],
  [
    'every Will property, in the order of table 2-4',
    5,
    'client',
    0x10,
    "0004 'MQTT' 05 06 003c 00 0003 'abc' 1b 01 01 02 00000001 03 0000 08 0001 'r' 09 0000" +
      ' 18 00000002 26 0000 0000' +
      " 0001 'w' 0000",
    {
      ...plain,
      will: {
        topicName: 'w',
        payload: bytesOf(''),
        qos: 0,
        retain: false,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 1,
          contentType: '',
          responseTopic: 'r',
          correlationData: bytesOf(''),
          willDelayInterval: 2,
          userProperties: [['', '']],
        },
      },
    },
  ],
])

const old = "0006 'MQIsdp' 03"
reads([
  [
    'user name not there, though its flag is',
    3,
    'client',
    0x10,
    `${old} c2 003c 0003 'abc'`,
    { ...plain, protocolVersion: 3 },
  ],
  [
    'password not there, though its flag is',
    3,
    'client',
    0x10,
    `${old} c2 003c 0003 'abc' 0001 'u'`,
    { ...plain, protocolVersion: 3, username: 'u' },
  ],
  [
    'flags that have no use',
    3,
    'client',
    0x1b,
    `${old} 3b 003c 0003 'abc'`,
    { ...plain, protocolVersion: 3 },
  ],
])

const malformed = 0x81
const protocolError = 0x82
const unsupported = 0x84
const notValid = 0x85
const name = "0004 'MQTT'"
const end = "003c 0003 'abc'"
const end5 = "003c 00 0003 'abc'"

const refused: readonly (readonly [string | undefined, string, ProtocolVersion, number, string])[] =
  [
    ['MQTT5-3.1.2-1', 'the name mqtt', 5, unsupported, `0004 'mqtt' 05 02 ${end5}`],
    ['MQTT5-3.1.2-1', 'the name of 3.1 in level 5', 5, unsupported, `0006 'MQIsdp' 05 02 ${end5}`],
    ['MQTT5-3.1.2-1', 'the name of 3.1 in level 4', 4, unsupported, `0006 'MQIsdp' 04 02 ${end}`],
    ['MQTT5-3.1.2-2', 'level 3 under the new name', 4, unsupported, `${name} 03 02 ${end}`],
    ['MQTT5-3.1.2-2', 'level 6', 5, unsupported, `${name} 06 02 ${end5}`],
    ['MQTT5-3.1.2-2', 'level 0', 5, unsupported, `${name} 00 02 ${end5}`],
    ['MQTT5-3.1.2-2', 'the level of a bridge', 4, unsupported, `${name} 84 02 ${end}`],
    ['MQTT5-3.1.2-3', 'the reserved Connect Flag', 5, malformed, `${name} 05 03 ${end5}`],
    ['MQTT5-3.1.2-3', 'the reserved Connect Flag', 4, malformed, `${name} 04 03 ${end}`],
    ['MQTT5-3.1.2-11', 'Will QoS without a Will', 5, malformed, `${name} 05 0a ${end5}`],
    ['MQTT5-3.1.2-11', 'Will QoS without a Will', 4, malformed, `${name} 04 12 ${end}`],
    ['MQTT5-3.1.2-13', 'Will Retain without a Will', 5, malformed, `${name} 05 22 ${end5}`],
    ['MQTT5-3.1.2-13', 'Will Retain without a Will', 4, malformed, `${name} 04 22 ${end}`],
    ['MQTT5-3.1.2-12', 'Will QoS 3', 5, malformed, `${name} 05 1e ${end5} 00 0001 'w' 0000`],
    ['MQTT5-3.1.2-12', 'Will QoS 3', 4, malformed, `${name} 04 1e ${end} 0001 'w' 0000`],
    ['MQTT5-3.1.2-12', 'Will QoS 3', 3, malformed, `${old} 1e ${end} 0001 'w' 0000`],
    ['MQTT3-3.1.2-22', 'a password alone', 4, malformed, `${name} 04 42 ${end} 0001 'p'`],
    [undefined, 'a Will that is not there', 5, malformed, `${name} 05 06 ${end5}`],
    [undefined, 'a Will that is not there', 4, malformed, `${name} 04 06 ${end}`],
    [undefined, 'a Will that is not there', 3, malformed, `${old} 06 ${end}`],
    [undefined, 'a user name that is not there', 5, malformed, `${name} 05 82 ${end5}`],
    [undefined, 'a user name that is not there', 4, malformed, `${name} 04 82 ${end}`],
    [undefined, 'a password that is not there', 5, malformed, `${name} 05 42 ${end5}`],
    [undefined, 'a password that is not there', 4, malformed, `${name} 04 c2 ${end} 0001 'u'`],
    [undefined, 'half a user name', 3, malformed, `${old} 82 ${end} 00`],
    [
      'MQTT5-3.1.4-1',
      'a user name without its flag',
      5,
      malformed,
      `${name} 05 02 ${end5} 0001 'u'`,
    ],
    [
      'MQTT5-3.1.4-1',
      'a user name without its flag',
      4,
      malformed,
      `${name} 04 02 ${end} 0001 'u'`,
    ],
    ['MQTT5-3.1.4-1', 'bytes left over', 3, malformed, `${old} 02 ${end} 00`],
    [undefined, 'no Client Identifier field', 5, malformed, `${name} 05 02 003c 00`],
    [undefined, 'no Client Identifier field', 4, malformed, `${name} 04 02 003c`],
    [
      'MQTT3-3.1.3-8',
      'an empty Client Identifier without Clean Session',
      4,
      notValid,
      `${name} 04 00 003c 0000`,
    ],
    [undefined, 'an empty Client Identifier', 3, notValid, `${old} 02 003c 0000`],
    [
      undefined,
      '24 characters of Client Identifier',
      3,
      notValid,
      `${old} 02 003c 0018 '${'x'.repeat(24)}'`,
    ],
    [
      'MQTT5-1.5.4-1',
      'a Client Identifier that is not UTF-8',
      5,
      malformed,
      `${name} 05 02 003c 00 0002 fffe`,
    ],
    [
      'MQTT5-1.5.4-1',
      'a user name that is not UTF-8',
      4,
      malformed,
      `${name} 04 82 ${end} 0001 ff`,
    ],
    [
      'MQTT5-1.5.4-1',
      'a Will Topic that is not UTF-8',
      4,
      malformed,
      `${name} 04 06 ${end} 0001 ff 0000`,
    ],
    [
      undefined,
      'Authentication Data without a method',
      5,
      protocolError,
      `${name} 05 02 003c 03 16 0000 0000`,
    ],
    [undefined, 'Receive Maximum 0', 5, protocolError, `${name} 05 02 003c 03 21 0000 0000`],
    [
      undefined,
      'Maximum Packet Size 0',
      5,
      protocolError,
      `${name} 05 02 003c 05 27 00000000 0000`,
    ],
    [
      undefined,
      'Request Problem Information 2',
      5,
      protocolError,
      `${name} 05 02 003c 02 17 02 0000`,
    ],
    [
      undefined,
      'the same property twice',
      5,
      protocolError,
      `${name} 05 02 003c 04 17 01 17 01 0000`,
    ],
    [
      'U5-2.2.2-a',
      'a Will property outside the Will',
      5,
      malformed,
      `${name} 05 02 003c 05 18 00000001 0000`,
    ],
    [
      'MQTT5-3.3.2-14',
      'a wildcard in the Response Topic of the Will',
      5,
      protocolError,
      `${name} 05 06 ${end5} 04 08 0001 '#' 0001 'w' 0000`,
    ],
  ]

refuses(
  refused.map(([statement, why, version, reasonCode, body]) => [
    statement,
    why,
    version,
    'client',
    reasonCode,
    0x10,
    body,
  ]),
)

refuses([
  [
    'MQTT5-2.1.3-1',
    'flags in the fixed header',
    5,
    'client',
    malformed,
    0x11,
    `${name} 05 02 ${end5}`,
  ],
  [
    'MQTT5-2.1.3-1',
    'flags in the fixed header',
    4,
    'client',
    malformed,
    0x18,
    `${name} 04 02 ${end}`,
  ],
  [
    'U5-2.1.2-a',
    'CONNECT from a server',
    5,
    'server',
    protocolError,
    0x10,
    `${name} 05 02 ${end5}`,
  ],
])

const levels = [
  ['an error after the level', 5, `${name} 05 03 ${end5}`],
  ['an error after the level', 4, `${name} 04 03 ${end}`],
  ['an error after the level', 3, `${old} 02 003c 0000`],
  ['an unknown level', 6, `${name} 06 02 ${end5}`],
  ['an unknown level', 2, `${name} 02 02 ${end}`],
  ['the wrong name of a known version', 5, `0004 'mqtt' 05 02 ${end5}`],
  ['an unknown name with an old level', undefined, `0004 'MQTX' 04 02 ${end}`],
  ['a bridge, which comes again without bit 7', 4, `${name} 84 02 ${end}`],
  ['an error before the level', undefined, '0002 ff00 05'],
] as const

for (const [why, level, body] of levels) {
  test(`the error of CONNECT knows level ${level} after ${why}`, () => {
    const error = refusal(() => readFrame(frame(0x10, body), 4, 'client'))
    assert.equal(error.protocolLevel, level)
  })
}
