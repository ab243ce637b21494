import fc from 'fast-check'
import type { Packet } from '../src/packet.ts'
import type { ProtocolVersion, UserProperty } from '../src/version.ts'
import { noProperties, type Sender } from '../src/wire/properties.ts'

/** A packet with the version and the sender for which it is valid. */
export interface Sent {
  packet: Packet
  version: ProtocolVersion
  from: Sender
}

/** Any packet that may be sent, of any version and by either end. */
export const sent: fc.Arbitrary<Sent> = fc
  .tuple(fc.constantFrom<ProtocolVersion>(3, 4, 5), fc.constantFrom<Sender>('client', 'server'))
  .chain(([version, from]) => packet(version, from).map((one) => ({ packet: one, version, from })))

export function packet(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  const both = [publish(version, from), ack(version, from)]
  const ends =
    version === 5 ? [disconnect(version, from), auth(from)] : [disconnect(version, 'client')]
  if (from === 'server') {
    const own = [
      connack(version),
      suback(version),
      unsuback(version),
      fc.constant({ type: 'pingresp' } as const),
    ]
    return fc.oneof(...both, ...own, ...(version === 5 ? ends : []))
  }
  const own = [
    connect(version),
    subscribe(version),
    unsubscribe(version),
    fc.constant({ type: 'pingreq' } as const),
  ]
  return fc.oneof(...both, ...own, ...ends)
}

/** Whatever a string of MQTT can hold: no U+0000, no half of a surrogate pair. */
export const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme-ascii', maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 20 }).filter((value) => !value.includes('\0')),
  fc.constantFrom('', '\ufeffa', 'a\ufeff', '\u{10ffff}', '\u00e9'.repeat(40), 'plant/line 3'),
)
const name = text.map((value) => value.replaceAll(/[+#]/g, '_') || 'topic')
const bytes = fc.uint8Array({ maxLength: 200 })
const plain = { noNullPrototype: true } as const
const u16 = fc.integer({ min: 0, max: 0xffff })
const positiveU16 = fc.integer({ min: 1, max: 0xffff })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const positiveU32 = fc.integer({ min: 1, max: 0xffff_ffff })
const qos = fc.constantFrom(0, 1, 2)
const zeroOrOne = fc.constantFrom(0, 1)
const subscriptionIdentifier = fc.constantFrom(1, 127, 128, 16_383, 16_384, 2_097_152, 268_435_455)
const userProperties = fc.array(fc.tuple(text, text) as fc.Arbitrary<UserProperty>, {
  minLength: 1,
  maxLength: 5,
})

/** Each property there or not; in 3.x none. */
// biome-ignore lint/suspicious/noExplicitAny: one function for all the property types
function properties(version: ProtocolVersion, all: Record<string, fc.Arbitrary<unknown>>): any {
  return version === 5
    ? fc.record(all, { requiredKeys: [], noNullPrototype: true })
    : fc.constant(noProperties)
}

const explanation = { reasonString: text, userProperties }

function connect(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const settings = {
    sessionExpiryInterval: u32,
    receiveMaximum: positiveU16,
    maximumPacketSize: positiveU32,
    topicAliasMaximum: u16,
    requestResponseInformation: zeroOrOne,
    requestProblemInformation: zeroOrOne,
    userProperties,
    authenticationMethod: text,
  }
  const authenticated = { ...settings, authenticationData: bytes }
  const willProperties = {
    willDelayInterval: u32,
    payloadFormatIndicator: zeroOrOne,
    messageExpiryInterval: u32,
    contentType: text,
    responseTopic: name,
    correlationData: bytes,
    userProperties,
  }
  const will = fc.record(
    {
      topicName: text,
      payload: bytes,
      qos,
      retain: fc.boolean(),
      properties: properties(version, willProperties),
    },
    plain,
  )
  return fc
    .record(
      {
        type: fc.constant('connect' as const),
        protocolVersion: fc.constant(version),
        clientIdentifier: text,
        cleanStart: fc.boolean(),
        keepAliveSeconds: u16,
        properties: properties(version, authenticated),
        will: fc.option(will, { nil: undefined }),
        username: fc.option(text, { nil: undefined }),
        password: fc.option(bytes, { nil: undefined }),
      },
      plain,
    )
    .map((one) => connectable(one as Packet & { type: 'connect' }))
}

/** Without what CONNECT forbids in combination. */
function connectable(one: Packet & { type: 'connect' }): Packet {
  const { authenticationMethod, authenticationData, ...others } = one.properties
  const isAlone = authenticationMethod === undefined && authenticationData !== undefined
  const version = one.protocolVersion
  return {
    ...one,
    clientIdentifier:
      version === 3 ? `c${one.clientIdentifier}`.slice(0, 5).toWellFormed() : one.clientIdentifier,
    cleanStart: one.cleanStart || one.clientIdentifier === '',
    properties: isAlone ? others : one.properties,
    password: version === 4 && one.username === undefined ? undefined : one.password,
  }
}

function connack(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const codes = [0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c]
  const more = [0x90, 0x95, 0x97, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f]
  const settings = {
    sessionExpiryInterval: u32,
    receiveMaximum: positiveU16,
    maximumQoS: zeroOrOne,
    retainAvailable: zeroOrOne,
    maximumPacketSize: positiveU32,
    assignedClientIdentifier: text,
    topicAliasMaximum: u16,
    ...explanation,
    wildcardSubscriptionAvailable: zeroOrOne,
    subscriptionIdentifierAvailable: zeroOrOne,
    sharedSubscriptionAvailable: zeroOrOne,
    serverKeepAlive: u16,
    responseInformation: text,
    serverReference: text,
    authenticationMethod: text,
    authenticationData: bytes,
  }
  return fc
    .record(
      {
        type: fc.constant('connack' as const),
        sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
        reasonCode:
          version === 5 ? fc.constantFrom(...codes, ...more) : fc.constantFrom(0, 1, 2, 3, 4, 5),
        properties: properties(version, settings),
      },
      plain,
    )
    .map(
      (one) => ({ ...one, sessionPresent: one.sessionPresent && one.reasonCode === 0 }) as Packet,
    )
}

function publish(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  const settings = {
    payloadFormatIndicator: zeroOrOne,
    messageExpiryInterval: u32,
    topicAlias: positiveU16,
    responseTopic: name,
    correlationData: bytes,
    userProperties,
    contentType: text,
  }
  const identifiers = fc.array(subscriptionIdentifier, { minLength: 1, maxLength: 4 })
  const all = from === 'server' ? { ...settings, subscriptionIdentifiers: identifiers } : settings
  return fc
    .record(
      {
        type: fc.constant('publish' as const),
        dup: fc.boolean(),
        qos,
        retain: fc.boolean(),
        topicName: text,
        packetIdentifier: positiveU16,
        properties: properties(version, all),
        payload: fc.oneof(bytes, fc.uint8Array({ minLength: 200, maxLength: 20_000 })),
      },
      plain,
    )
    .map((one) => publishable(one as Packet & { type: 'publish' }))
}

/** Without what PUBLISH forbids in combination. */
function publishable(one: Packet & { type: 'publish' }): Packet {
  return {
    ...one,
    dup: one.dup && one.qos > 0,
    topicName: one.properties.topicAlias === undefined ? one.topicName || 'a' : one.topicName,
    packetIdentifier: one.qos > 0 ? one.packetIdentifier : 0,
  }
}

function ack(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  const codes = [0x00, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
  const own = from === 'server' ? [...codes, 0x10] : codes
  const first = fc.record(
    {
      type: fc.constantFrom('puback', 'pubrec'),
      packetIdentifier: positiveU16,
      reasonCode: fc.constantFrom(...(version === 5 ? own : [0])),
      properties: properties(version, explanation),
    },
    plain,
  )
  const second = fc.record(
    {
      type: fc.constantFrom('pubrel', 'pubcomp'),
      packetIdentifier: positiveU16,
      reasonCode: fc.constantFrom(...(version === 5 ? [0x00, 0x92] : [0])),
      properties: properties(version, explanation),
    },
    plain,
  )
  return fc.oneof(first, second) as fc.Arbitrary<Packet>
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const options = fc.record(
    {
      qos,
      noLocal: version === 5 ? fc.boolean() : fc.constant(false),
      retainAsPublished: version === 5 ? fc.boolean() : fc.constant(false),
      retainHandling: version === 5 ? fc.constantFrom(0, 1, 2) : fc.constant(0),
    },
    plain,
  )
  const subscription = fc.record({ topicFilter: text, options }, plain)
  return fc.record(
    {
      type: fc.constant('subscribe' as const),
      packetIdentifier: positiveU16,
      properties: properties(version, { subscriptionIdentifier, userProperties }),
      subscriptions: fc.array(subscription, { minLength: 1, maxLength: 6 }),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}

function suback(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const refusals = { 3: [], 4: [0x80], 5: [0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2] }
  return fc.record(
    {
      type: fc.constant('suback' as const),
      packetIdentifier: positiveU16,
      properties: properties(version, explanation),
      reasonCodes: fc.array(fc.constantFrom(0, 1, 2, ...refusals[version]), {
        minLength: 1,
        maxLength: 6,
      }),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}

function unsubscribe(version: ProtocolVersion): fc.Arbitrary<Packet> {
  return fc.record(
    {
      type: fc.constant('unsubscribe' as const),
      packetIdentifier: positiveU16,
      properties: properties(version, { userProperties }),
      topicFilters: fc.array(text, { minLength: 1, maxLength: 6 }),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}

function unsuback(version: ProtocolVersion): fc.Arbitrary<Packet> {
  const codes = fc.constantFrom(0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91)
  return fc.record(
    {
      type: fc.constant('unsuback' as const),
      packetIdentifier: positiveU16,
      properties: properties(version, explanation),
      reasonCodes: fc.array(
        codes,
        version === 5 ? { minLength: 1, maxLength: 6 } : { maxLength: 0 },
      ),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}

function disconnect(version: ProtocolVersion, from: Sender): fc.Arbitrary<Packet> {
  const codes = {
    client: [0x00, 0x04, 0x80, 0x81, 0x82, 0x8c, 0x90, 0x93, 0x95, 0x98, 0x9b],
    server: [0x00, 0x80, 0x81, 0x82, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x95, 0x9d, 0xa0, 0xa2],
  }
  const own = from === 'client' ? { sessionExpiryInterval: u32 } : { serverReference: text }
  return fc.record(
    {
      type: fc.constant('disconnect' as const),
      reasonCode: fc.constantFrom(...(version === 5 ? codes[from] : [0])),
      properties: properties(version, { ...explanation, ...own }),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}

function auth(from: Sender): fc.Arbitrary<Packet> {
  const optional = { authenticationData: bytes, ...explanation }
  return fc.record(
    {
      type: fc.constant('auth' as const),
      reasonCode: from === 'client' ? fc.constantFrom(0x18, 0x19) : fc.constantFrom(0x00, 0x18),
      properties: fc.record(
        { authenticationMethod: text, ...optional },
        { requiredKeys: ['authenticationMethod'], noNullPrototype: true },
      ),
    },
    plain,
  ) as fc.Arbitrary<Packet>
}
