/** One thing that a peer should not send, and what it sees of the answer. */
export interface HostileInput {
  readonly name: string
  /** Hexadecimal digits, with spaces at field borders. */
  readonly bytes: string
  /**
   * Each packet by its type and code, such as `disconnect 81`, then `closed`; where the connection
   * stays open, a PINGREQ is sent behind the input and `pingresp` comes last.
   */
  readonly answers: readonly string[]
  /** After a CONNECT of this version has been accepted; undefined: as the first bytes. */
  readonly after?: 3 | 4 | 5 | undefined
  /** Too large to be sent a thousand times. */
  readonly isLarge?: boolean
}

/** A fixed header before a body. */
export function packet(firstByte: string, body = ''): string {
  let length = body.replaceAll(/\s/g, '').length / 2
  let remaining = ''
  do {
    const byte = length & 0x7f
    length >>>= 7
    remaining += hexByte(length > 0 ? byte | 0x80 : byte)
  } while (length > 0)
  return `${firstByte} ${remaining} ${body}`
}

/** A UTF-8 Encoded String, or Binary Data, with its length. */
export function text(value: string | Buffer): string {
  const bytes = Buffer.from(value)
  return `${hexByte(bytes.length >> 8)}${hexByte(bytes.length & 0xff)} ${bytes.toString('hex')}`
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0')
}

interface ConnectParts {
  readonly version?: 3 | 4 | 5
  readonly flags?: string
  readonly properties?: string
  readonly payload?: string
}

/** CONNECT with Clean Start, without Keep Alive, of the client `raw`, where nothing else is said. */
export function connect(parts: ConnectParts = {}): string {
  const { version = 5, flags = '02', properties = '00', payload = text('raw') } = parts
  const name = version === 3 ? 'MQIsdp' : 'MQTT'
  const variable = `${text(name)} 0${version} ${flags} 0000`
  return packet('10', `${variable} ${version === 5 ? properties : ''} ${payload}`)
}

const refused81 = ['connack 81', 'closed']
const refused82 = ['connack 82', 'closed']
const ended81 = ['disconnect 81', 'closed']
const ended82 = ['disconnect 82', 'closed']
const ended90 = ['disconnect 90', 'closed']
const ended94 = ['disconnect 94', 'closed']
const closed = ['closed']

type Row = readonly [
  name: string,
  bytes: string,
  answers: readonly string[],
  fields?: Partial<HostileInput>,
]

const first = { after: undefined }
const after3 = { after: 3 } as const
const after4 = { after: 4 } as const
const isLarge = { isLarge: true }

const filters = ['a/#/b', 'a+', '#a', '', 'a/+b', '##', '+a/b', 'a#']
const shares = [
  '$share/',
  '$share/g',
  '$share/g/',
  '$share//t',
  '$share/g+/t',
  '$share/g#/t',
  '$share',
]
/** `$share` alone is a Topic Filter like any other. */
const isShared = (filter: string) => filter.startsWith('$share/')

const badText = [
  ['C1 control that is not UTF-8', 'c3'],
  ['an overlong form', 'c080'],
  ['an overlong form of three bytes', 'e080af'],
  ['half a surrogate pair', 'eda080'],
  ['a whole surrogate pair', 'eda0bdedb880'],
  ['a code point above U+10FFFF', 'f4908080'],
  ['a byte of no character', 'ff'],
  ['a continuation byte alone', '80'],
  ['U+0000', '610061'],
] as const

/** Cases of the list of attacks, by their numbers there. */
const rows: Readonly<Record<number, readonly Row[]>> = {
  1: [
    ['Remaining Length of five bytes', '10 ffffffff01', closed, first],
    ['Remaining Length of five bytes later', '30 8080808001', ended81],
    ['Remaining Length longer than it needs', 'c0 8000', ended81],
    ['Property Length of five bytes in CONNECT', connect({ properties: '8080808001' }), refused81],
    ['Property Length of five bytes', packet('30', `${text('a')} 8080808001`), ended81],
    ['Property Length longer than it needs', packet('30', `${text('a')} 8000`), ended81],
    [
      'Subscription Identifier of five bytes',
      packet('82', '0001 06 0b8080808001 0001 61 00'),
      ended81,
    ],
  ],
  2: [
    ['256 MB announced before CONNECT', '10 ffffff7f', closed, first],
    ['256 MB announced later', '30 ffffff7f', ['disconnect 95', 'closed']],
    ['one byte above Maximum Packet Size', '30 fdff7f', ['disconnect 95', 'closed']],
  ],
  3: [
    ...['20', '30', '40', '50', '62', '70', '82', '90', 'a2', 'b0', 'c0', 'd0', 'e0', 'f0'].map(
      (type): Row => [`type ${type} before CONNECT`, packet(type, '0001'), closed, first],
    ),
    ['PINGREQ before CONNECT', 'c000', closed, first],
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n\r\n').toString('hex'), closed, first],
    ['TLS', '16 0301 0005 01 000001 00', closed, first],
    ['a second CONNECT', connect(), ended82],
    ['a second CONNECT of another version', connect({ version: 4 }), ended82],
    ['a second CONNECT of 3.1.1', connect({ version: 4 }), closed, after4],
  ],
  7: [
    ['CONNECT whose name goes past its end', packet('10', '00ff 4d51'), closed, first],
    ['CONNECT without a body', packet('10'), closed, first],
    [
      'CONNECT that ends before Keep Alive',
      packet('10', `${text('MQTT')} 05 02`),
      refused81,
      first,
    ],
    [
      'CONNECT that ends before its properties',
      packet('10', `${text('MQTT')} 05 02 0000`),
      refused81,
      first,
    ],
    ['CONNECT whose properties go past its end', connect({ properties: '7f' }), refused81],
    ['CONNECT whose property goes past the others', connect({ properties: '02 1100' }), refused81],
    [
      'CONNECT whose Client Identifier goes past its end',
      connect({ payload: 'ffff 61' }),
      refused81,
    ],
    ['CONNECT without the user name it announces', connect({ flags: '82' }), refused81],
    ['CONNECT without the Will it announces', connect({ flags: '06' }), refused81],
    ['CONNECT that goes on', connect({ payload: `${text('raw')} 00` }), refused81],
    [
      'CONNECT of 3.1.1 that goes on',
      connect({ version: 4, payload: `${text('raw')} 00` }),
      closed,
    ],
    ['PUBLISH whose topic goes past its end', packet('30', '00ff 61'), ended81],
    ['PUBLISH without a body', packet('30'), ended81],
    ['PUBLISH without properties', packet('30', text('a')), ended81],
    ['PUBLISH without a Packet Identifier', packet('32', text('a')), ended81],
    ['PUBLISH whose properties go past its end', packet('30', `${text('a')} 05`), ended81],
    [
      'PUBLISH whose property goes past the others',
      packet('30', `${text('a')} 02 02000000 00`),
      ended81,
    ],
    ['PUBLISH of 3.1.1 whose topic goes past its end', packet('30', '00ff 61'), closed, after4],
    ['PUBLISH of 3.1 whose topic goes past its end', packet('30', '00ff 61'), closed, after3],
    ['PUBACK of one byte', packet('40', '00'), ended81],
    ['PUBACK whose properties go past its end', packet('40', '0001 00 05'), ended81],
    ['PUBACK of 3.1.1 that goes on', packet('40', '0001 00'), closed, after4],
    ['PUBREL without a body', packet('62'), ended81],
    ['SUBSCRIBE without options', packet('82', `0001 00 ${text('a')}`), ended81],
    ['SUBSCRIBE whose filter goes past its end', packet('82', '0001 00 0009 61 00'), ended81],
    ['SUBSCRIBE without a filter', packet('82', '0001 00'), ended82],
    ['UNSUBSCRIBE whose filter goes past its end', packet('a2', '0001 00 0009 61'), ended81],
    ['UNSUBSCRIBE without a filter', packet('a2', '0001 00'), ended82],
    ['PINGREQ with a body', packet('c0', '00'), ended81],
    ['DISCONNECT whose properties go past its end', packet('e0', '00 05'), ended81],
    ['DISCONNECT that goes on', packet('e0', '00 00 00'), ended81],
    ['DISCONNECT of 3.1.1 with a body', packet('e0', '00'), closed, after4],
  ],
  9: [
    ...badText.flatMap(([name, hex]): Row[] => {
      const bad = text(Buffer.from(hex, 'hex'))
      return [
        [`Topic Name with ${name}`, packet('30', `${bad} 00`), ended81],
        [`Client Identifier with ${name}`, connect({ payload: bad }), refused81],
      ]
    }),
    ...['c080', 'eda080', '00'].flatMap((hex): Row[] => {
      const bad = text(Buffer.from(hex, 'hex'))
      const published = (property: string, length: string): string =>
        packet('30', `${text('a')} ${length} ${property}`)
      const n = hex.length / 2
      return [
        [
          `user name of ${hex}`,
          connect({ flags: '82', payload: `${text('raw')} ${bad}` }),
          refused81,
        ],
        [
          `Will Topic of ${hex}`,
          connect({ flags: '06', payload: `${text('raw')} 00 ${bad} 0000` }),
          refused81,
        ],
        [`Topic Filter of ${hex}`, packet('82', `0001 00 ${bad} 00`), ended81],
        [`Topic Filter of ${hex} in UNSUBSCRIBE`, packet('a2', `0001 00 ${bad}`), ended81],
        [`Content Type of ${hex}`, published(`03 ${bad}`, hexByte(n + 3)), ended81],
        [`Response Topic of ${hex}`, published(`08 ${bad}`, hexByte(n + 3)), ended81],
        [`User Property named ${hex}`, published(`26 ${bad} 0000`, hexByte(n + 5)), ended81],
        [`User Property of ${hex}`, published(`26 0000 ${bad}`, hexByte(n + 5)), ended81],
        [`Topic Name of ${hex} in 3.1.1`, packet('30', bad), closed, after4],
      ]
    }),
  ],
  10: [
    ['packet type 0', packet('00'), ended81],
    ['packet type 0 with flags', packet('0f', '0000'), ended81],
    ['packet type 0 first', packet('00'), closed, first],
    ['packet type 15 in 3.1.1', packet('f0'), closed, after4],
    ['packet type 15 in 3.1', packet('f0'), closed, after3],
    ['flags of CONNECT', connect().replace(/^10/, '11'), refused81],
    ['the reserved Connect Flag', connect({ flags: '03' }), refused81],
    ['the reserved Connect Flag in 3.1.1', connect({ version: 4, flags: '03' }), closed],
    ...['41', '48', '51', '60', '63', '72'].map(
      (type): Row => [`flags in ${type}`, packet(type, '0001'), ended81],
    ),
    ['flags of SUBSCRIBE', packet('80', `0001 00 ${text('a')} 00`), ended81],
    ['flags of UNSUBSCRIBE', packet('a0', `0001 00 ${text('a')}`), ended81],
    ['flags of PINGREQ', packet('c1'), ended81],
    ['flags of DISCONNECT', packet('e1'), ended81],
    ['flags of AUTH', packet('f1'), ended81],
    ['flags of SUBSCRIBE in 3.1.1', packet('80', `0001 ${text('a')} 00`), closed, after4],
    ['reserved Subscription Options', packet('82', `0001 00 ${text('a')} 40`), ended81],
    ['reserved bits of SUBSCRIBE in 3.1.1', packet('82', `0001 ${text('a')} 04`), closed, after4],
    ['Retain Handling 3', packet('82', `0001 00 ${text('a')} 30`), ended82],
    ['QoS 3 in SUBSCRIBE', packet('82', `0001 00 ${text('a')} 03`), ended82],
    ['QoS 3 in SUBSCRIBE in 3.1.1', packet('82', `0001 ${text('a')} 03`), closed, after4],
    ['an unknown Reason Code in PUBACK', packet('40', '0001 7f'), ended82],
    ['an unknown Reason Code in DISCONNECT', packet('e0', '7f'), ended82],
  ],
  11: [
    ['QoS 3', packet('36', `${text('a')} 0001 00`), ended81],
    ['QoS 3 in 3.1.1', packet('36', `${text('a')} 0001`), closed, after4],
    ['DUP at QoS 0', packet('38', `${text('a')} 00`), ended81],
    ['DUP at QoS 0 in 3.1.1', packet('38', text('a')), closed, after4],
    ['Packet Identifier 0 at QoS 1', packet('32', `${text('a')} 0000 00`), ended82],
    ['Packet Identifier 0 at QoS 2', packet('34', `${text('a')} 0000 00`), ended82],
    ['Packet Identifier 0 in SUBSCRIBE', packet('82', `0000 00 ${text('a')} 00`), ended82],
    ['Packet Identifier 0 in UNSUBSCRIBE', packet('a2', `0000 00 ${text('a')}`), ended82],
    ['Packet Identifier 0 in 3.1.1', packet('32', `${text('a')} 0000`), closed, after4],
  ],
  12: [
    ['Content Type twice', packet('30', `${text('a')} 06 030000 030000`), ended82],
    [
      'Session Expiry Interval twice',
      connect({ properties: '0a 1100000001 1100000001' }),
      refused82,
    ],
    ['Receive Maximum twice', connect({ properties: '06 210005 210005' }), refused82],
    ['Session Expiry Interval in PUBLISH', packet('30', `${text('a')} 05 1100000001`), ended81],
    ['Content Type in CONNECT', connect({ properties: '03 030000' }), refused81],
    ['Topic Alias in SUBSCRIBE', packet('82', `0001 03 230001 ${text('a')} 00`), ended81],
    ['Server Keep Alive in CONNECT', connect({ properties: '03 130001' }), refused81],
    ['Server Reference in DISCONNECT', packet('e0', '00 03 1c0000'), ended82],
    ['Subscription Identifier in PUBLISH', packet('30', `${text('a')} 02 0b01`), ended82],
    ['Subscription Identifier 0', packet('82', `0001 02 0b00 ${text('a')} 00`), ended82],
    ['an unknown property', packet('30', `${text('a')} 02 7f00`), ended81],
    ['an unknown property of two bytes', packet('30', `${text('a')} 03 ff0100`), ended81],
    ['Payload Format Indicator 2', packet('30', `${text('a')} 02 0102`), ended82],
    ['Request Problem Information 2', connect({ properties: '02 1702' }), refused82],
    ['Request Response Information 2', connect({ properties: '02 1902' }), refused82],
    ['Receive Maximum 0', connect({ properties: '03 210000' }), refused82],
    ['Maximum Packet Size 0', connect({ properties: '05 2700000000' }), refused82],
    ['Authentication Data without a method', connect({ properties: '04 16000161' }), refused82],
    [
      'an unknown Authentication Method',
      connect({ properties: '04 15000161' }),
      ['connack 8c', 'closed'],
    ],
    ['AUTH without a method in CONNECT', packet('f0', '18 04 15000161'), ended82],
    ['a longer Session Expiry Interval at the end', packet('e0', '00 05 1100000009'), ended82],
  ],
  14: [
    ['Will QoS 1 without a Will', connect({ flags: '0a' }), refused81],
    ['Will Retain without a Will', connect({ flags: '22' }), refused81],
    ['Will QoS 1 without a Will in 3.1.1', connect({ version: 4, flags: '0a' }), closed],
    ['Will QoS 3', will({ flags: '1e' }), refused81],
    [
      'Will QoS 3 in 3.1.1',
      connect({ version: 4, flags: '1e', payload: `${text('raw')} ${text('w')} 0000` }),
      closed,
    ],
    [
      'Will QoS 3 in 3.1',
      connect({ version: 3, flags: '1e', payload: `${text('raw')} ${text('w')} 0000` }),
      closed,
    ],
    ['Topic Alias in a Will', will({ properties: '03 230001' }), refused81],
    ['Receive Maximum in a Will', will({ properties: '03 210001' }), refused81],
    ['Will Delay Interval twice', will({ properties: '0a 1800000001 1800000001' }), refused82],
    ['Payload Format Indicator 2 in a Will', will({ properties: '02 0102' }), refused82],
    ['Will properties past the end', will({ properties: '7f' }), refused81],
    ['an empty Will Topic', will({ topic: '' }), ['connack 90', 'closed']],
    ['a wildcard in a Will Topic', will({ topic: 'a/#' }), ['connack 90', 'closed']],
    [
      'a Will Payload past the end',
      connect({ flags: '06', payload: `${text('raw')} 00 ${text('w')} 00ff 61` }),
      refused81,
    ],
    [
      'a password without a user name in 3.1.1',
      connect({ version: 4, flags: '42', payload: `${text('raw')} 0000` }),
      closed,
    ],
  ],
  15: [
    ['a PUBLISH without Topic Name and alias', packet('30', '0000 00'), ended82],
    ['an empty Topic Name in 3.1.1', packet('30', '0000'), closed, after4],
    ...['a/+', '#', 'a/#', '+/b', 'a+b'].flatMap((topic): Row[] => [
      [`Topic Name ${topic}`, packet('32', `${text(topic)} 0001 00`), ended90],
      [`Topic Name ${topic} in 3.1.1`, packet('32', `${text(topic)} 0001`), closed, after4],
    ]),
    ['Response Topic with a wildcard', packet('30', `${text('a')} 04 08${text('#')}`), ended82],
    [
      'a Topic Name of 65,535 bytes',
      packet('32', `${text('a'.repeat(65_535))} 0001 00`),
      ['puback 10', 'pingresp'],
      isLarge,
    ],
    [
      'a Topic Name of 128 levels',
      packet('32', `${text(levels(128))} 0001 00`),
      ['puback 10', 'pingresp'],
    ],
    ['a Topic Name of 129 levels', packet('32', `${text(levels(129))} 0001 00`), ended90],
    [
      'a Topic Name of 10,000 levels',
      packet('32', `${text(levels(10_000))} 0001 00`),
      ended90,
      isLarge,
    ],
    [
      'a Topic Filter of 129 levels',
      packet('82', `0001 00 ${text(levels(129))} 00`),
      ['suback 8f', 'pingresp'],
    ],
    [
      'a Topic Filter of 32,768 levels',
      packet('82', `0001 00 ${text('/'.repeat(32_767))} 00`),
      ['suback 8f', 'pingresp'],
      isLarge,
    ],
  ],
  16: filters.flatMap((filter): Row[] => [
    [
      `Topic Filter "${filter}"`,
      packet('82', `0001 00 ${text(filter)} 00`),
      ['suback 8f', 'pingresp'],
    ],
    [
      `Topic Filter "${filter}" in 3.1.1`,
      packet('82', `0001 ${text(filter)} 00`),
      ['suback 80', 'pingresp'],
      after4,
    ],
    [`Topic Filter "${filter}" in 3.1`, packet('82', `0001 ${text(filter)} 00`), closed, after3],
    [
      `Topic Filter "${filter}" in UNSUBSCRIBE`,
      packet('a2', `0001 00 ${text(filter)}`),
      ['unsuback 8f', 'pingresp'],
    ],
  ]),
  17: [
    ...shares.map((filter): Row => {
      const answer = isShared(filter) ? 'suback 8f' : 'suback 00'
      return [
        `Topic Filter ${filter}`,
        packet('82', `0001 00 ${text(filter)} 00`),
        [answer, 'pingresp'],
      ]
    }),
    [
      'No Local on a Shared Subscription',
      packet('82', `0001 00 ${text('$share/g/t')} 04`),
      ended82,
    ],
  ],
  20: [
    ['Topic Alias 0', packet('30', `${text('a')} 03 230000`), ended94],
    ['Topic Alias above the maximum', packet('30', `${text('a')} 03 230065`), ended94],
    ['Topic Alias that stands for nothing', packet('30', '0000 03 230001'), ended82],
    ['Topic Alias twice', packet('30', `${text('a')} 06 230001 230001`), ended82],
  ],
  // Receive Maximum is 10 here.
  21: [
    [
      'an 11th unfinished QoS 2 message',
      Array.from({ length: 11 }, (_, i) => publish2(i + 1)).join(' '),
      [...new Array<string>(10).fill('pubrec 10'), 'disconnect 93', 'closed'],
    ],
  ],
  22: [
    [
      'a QoS 2 message again and again',
      Array.from({ length: 30 }, () => publish2(7)).join(' '),
      ['pubrec 10', ...new Array<string>(29).fill('pubrec 00'), 'pingresp'],
    ],
    [
      'the identifier of an unfinished QoS 2 message at QoS 1',
      `${publish2(7)} ${packet('32', `${text('a')} 0007 00`)}`,
      ['pubrec 10', 'puback 91', 'pingresp'],
    ],
    [
      'the same in 3.1.1',
      `${packet('34', `${text('a')} 0007`)} ${packet('32', `${text('a')} 0007`)}`,
      ['pubrec 00', 'closed'],
      after4,
    ],
  ],
  23: [
    ['PUBREL for nothing', packet('62', '0009'), ['pubcomp 92', 'pingresp']],
    ['PUBREC for nothing', packet('50', '0009'), ['pubrel 92', 'pingresp']],
    ['PUBREC with a failure for nothing', packet('50', '0009 80'), ['pingresp']],
    ['PUBACK for nothing', packet('40', '0009'), ['pingresp']],
    ['PUBCOMP for nothing', packet('70', '0009'), ['pingresp']],
    ['PUBREL for nothing in 3.1.1', packet('62', '0009'), ['pubcomp 00', 'pingresp'], after4],
    ['PUBREC for nothing in 3.1.1', packet('50', '0009'), ['pubrel 00', 'pingresp'], after4],
  ],
  26: [
    ['CONNACK', packet('20', '00 00 00'), ended82],
    ['SUBACK', packet('90', '0001 00 00'), ended82],
    ['UNSUBACK', packet('b0', '0001 00 00'), ended82],
    ['PINGRESP', packet('d0'), ended82],
    ['CONNACK in 3.1.1', packet('20', '00 00'), closed, after4],
  ],
}

function will({ flags = '06', properties = '00', topic = 'will' }): string {
  return connect({ flags, payload: `${text('raw')} ${properties} ${text(topic)} 0000` })
}

function publish2(packetIdentifier: number): string {
  return packet('34', `${text('a')} 00${hexByte(packetIdentifier)} 00`)
}

export function levels(count: number): string {
  return new Array<string>(count).fill('a').join('/')
}

function isFirst(bytes: string, fields: Partial<HostileInput>, answers: readonly string[]) {
  if ('after' in fields) return fields.after === undefined
  return bytes.startsWith('1') && (answers[0]?.startsWith('connack') || answers === closed)
}

export const hostileInputs: readonly (HostileInput & { readonly number: number })[] =
  Object.entries(rows).flatMap(([number, of]) =>
    of.map(([name, bytes, answers, fields = {}]) => {
      const after = isFirst(bytes, fields, answers) ? undefined : 5
      return { number: Number(number), name, bytes, answers, after, ...fields }
    }),
  )
