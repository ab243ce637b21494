import assert from 'node:assert/strict'
import { hex, packet, propertiesFor, property, publish, u16, utf8 } from '@busbar/conformance/bytes'
import type { ClientCase, ClientTrial, Version } from './case.ts'
import { connack } from './raw-server.ts'

const malformed = 0x81
const protocolError = 0x82

/** What a server must not send on a connection: the statements, the bytes, the answers to it. */
interface Row {
  readonly statements: readonly string[]
  readonly name: string
  readonly versions: readonly Version[]
  readonly bytes: (version: Version) => Uint8Array
  readonly codes: readonly number[]
}

function both(name: string, statements: readonly string[], bytes: Row['bytes']): Row {
  return { name, statements, versions: [5, 4], bytes, codes: [malformed, protocolError, 0x90] }
}

function five(
  name: string,
  statements: readonly string[],
  bytes: string | Uint8Array,
  ...codes: readonly number[]
): Row {
  const sent = typeof bytes === 'string' ? hex(bytes) : bytes
  const wanted = codes.length > 0 ? codes : [malformed, protocolError]
  return { name, statements, versions: [5], bytes: () => sent, codes: wanted }
}

/** A PUBLISH whose Topic Name is these bytes. */
const topic = (bytes: string) => (version: Version) => publish({ version, topic: hex(bytes) })
const withProperty = (...list: readonly Uint8Array[]) =>
  publish({ version: 5, topic: 'a', properties: list })

const text = ['MQTT5-1.5.4-1', 'MQTT3-1.5.3-1']
const flags = ['MQTT5-2.1.3-1', 'MQTT3-2.2.2-2']
const direction = ['U5-2.1.2-a', 'MQTT3-4.8.0-1']
const ends = ['U5-4.13.1-b', 'MQTT3-4.8.0-1']

const strings: readonly Row[] = [
  both('overlong', text, topic('c0 80')),
  both('surrogate', text, topic('61 ed a0 80')),
  both('beyond-unicode', text, topic('f4 90 80 80')),
  both('truncated-character', text, topic('61 e2 82')),
  both('null-character', ['MQTT5-1.5.4-2', 'MQTT5-4.7.3-2', 'MQTT3-1.5.3-2'], topic('61 00')),
  both('wildcard-plus', ['MQTT5-3.3.2-2', 'MQTT5-4.7.0-1', 'MQTT3-3.3.2-2'], topic('61 2f 2b')),
  both('wildcard-hash', ['MQTT5-3.3.2-2', 'MQTT5-4.7.0-1', 'MQTT3-3.3.2-2'], topic('23')),
  both('empty-topic', ['U5-3.3.2-a', 'MQTT5-4.7.3-1', 'MQTT3-4.7.3-1'], topic('')),
  five(
    'text-of-pair',
    ['MQTT5-1.5.7-1'],
    withProperty(property.userProperty(hex('ed b0 80'), 'b')),
  ),
  five('null-in-pair', ['MQTT5-1.5.7-1'], withProperty(property.userProperty('a', hex('00')))),
  five('content-type', ['MQTT5-3.3.2-19'], withProperty(property.contentType(hex('ff')))),
  five('response-topic', ['MQTT5-3.3.2-13'], withProperty(property.responseTopic(hex('ff')))),
  five('wildcard-response', ['MQTT5-3.3.2-14'], withProperty(property.responseTopic('a/#'))),
]

const headers: readonly Row[] = [
  both('flags-of-puback', flags, () => hex('41 02 0001')),
  both('flags-of-pubrec', flags, () => hex('52 02 0001')),
  both('flags-of-pubrel', ['MQTT5-3.6.1-1', ...flags], () => hex('60 02 0001')),
  both('flags-of-pubcomp', flags, () => hex('78 02 0001')),
  both('flags-of-suback', flags, (version) =>
    hex(version === 5 ? '91 04 0001 00 00' : '91 03 0001 00'),
  ),
  both('flags-of-pingresp', flags, () => hex('d1 00')),
  five('flags-of-disconnect', ['MQTT5-3.14.1-1'], 'e1 00', malformed),
  five('flags-of-auth', ['MQTT5-3.15.1-1', 'MQTT5-2.1.3-1'], 'f4 00', malformed),
  both('qos-3', ['MQTT5-3.3.1-4', 'MQTT3-3.3.1-4'], (version) =>
    publish({ version, topic: 'a', qos: 3 }),
  ),
  both('dup-with-qos-0', ['MQTT5-3.3.1-2', 'MQTT3-3.3.1-2'], (version) =>
    publish({ version, topic: 'a', dup: true }),
  ),
  both('identifier-0', ['U5-4.13.1-b', 'MQTT3-2.3.1-1'], (version) =>
    publish({ version, topic: 'a', qos: 1, packetId: 0 }),
  ),
  both('length-of-5-bytes', ['U5-1.5.5-a', 'MQTT3-4.8.0-1'], () => hex('30 ff ff ff ff 01')),
  five('long-length', ['MQTT5-1.5.5-1'], 'd0 80 00', malformed),
  five('long-property-length', ['MQTT5-1.5.5-1'], '30 05 0001 61 80 00', malformed),
  both('type-0', direction, () => hex('00 00')),
  both('connect', direction, () => hex('10 00')),
  both('subscribe', direction, () => hex('82 00')),
  both('unsubscribe', direction, () => hex('a2 00')),
  both('pingreq', direction, () => hex('c0 00')),
  both('second-connack', ends, (version) => connack(version)),
  both('truncated-packet', ends, () => hex('40 01 00')),
  both('bytes-left-over', ends, () => hex('d0 01 00')),
  {
    ...both('disconnect-of-3.1.1', ['MQTT3-4.8.0-1'], () => hex('e0 00')),
    versions: [4],
  },
]

const properties: readonly Row[] = [
  five('unknown', ['U5-2.2.2-a'], withProperty(property.raw(0x7f, 0)), malformed, protocolError),
  five('of-another-packet', ['U5-2.2.2-a'], withProperty(property.receiveMaximum(5))),
  five('wrong-value', ['U5-2.2.2-a'], withProperty(property.payloadFormatIndicator(2))),
  five(
    'twice',
    ['U5-4.13.1-b'],
    withProperty(property.contentType('a'), property.contentType('a')),
  ),
  five('past-the-end', ['U5-4.13.1-b'], '30 06 0001 61 09 26 00'),
  five('alias-0', ['MQTT5-3.3.2-8', 'U5-3.3.4-a'], withProperty(property.topicAlias(0)), 0x94),
  five('alias-too-high', ['U5-3.3.4-a'], withProperty(property.topicAlias(9)), 0x94),
  five(
    'alias-unknown',
    ['U5-3.3.4-b'],
    publish({ version: 5, topic: '', properties: [property.topicAlias(1)] }),
    protocolError,
  ),
  five(
    'identifier-0-of-subscription',
    ['U5-3.3.4-d'],
    withProperty(property.subscriptionIdentifier(0)),
  ),
  five(
    'too-large',
    ['U5-3.2.2-c'],
    publish({ version: 5, topic: 'a', payload: new Uint8Array(1_024) }),
    0x95,
  ),
  five('code-of-puback', ['MQTT5-3.4.2-1'], '40 04 0001 92 00'),
  five('code-of-pubrec', ['MQTT5-3.5.2-1'], '50 04 0001 92 00'),
  five('code-of-pubrel', ['MQTT5-3.6.2-1'], '62 04 0001 80 00'),
  five('code-of-pubcomp', ['MQTT5-3.7.2-1'], '70 04 0001 80 00'),
  five('code-of-disconnect', ['MQTT5-3.14.2-1'], 'e0 01 04'),
  five(
    'code-of-auth',
    ['MQTT5-3.15.2-1'],
    packet(0xf0, 0x19, propertiesFor(5, [property.authenticationMethod('m')])),
  ),
  five(
    'auth-unasked',
    ['MQTT5-4.12.0-7'],
    packet(0xf0, 0x18, propertiesFor(5, [property.authenticationMethod('m')])),
  ),
  five('auth-without-method', ['U5-3.15.2-a'], 'f0 00'),
]

function rowCase(group: string, { statements, name, versions, bytes, codes }: Row): ClientCase {
  const versioned = (id: string) => versions.includes(id.startsWith('MQTT3-') ? 4 : 5)
  const more = versions.includes(5) ? ['MQTT5-4.13.2-1', 'U5-4.13.1-a', 'U5-4.13.1-b'] : []
  return {
    id: `hostile/${group}-${name}`,
    title: `ends the connection for what no server may send: ${name.replaceAll('-', ' ')}`,
    statements: [...new Set([...statements.filter(versioned), ...more])],
    versions,
    async run(trial) {
      const { peer } = await trial.connect({ maximumPacketSize: 1_024, topicAliasMaximum: 8 })
      await peer.quiet()
      peer.send(bytes(trial.version))
      await peer.rejects(...codes)
    },
  }
}

const overWindow: ClientCase = {
  id: 'hostile/over-receive-maximum',
  title: 'ends the connection for more unfinished messages than its Receive Maximum',
  statements: ['U5-3.3.4-c'],
  versions: [5],
  async run(trial) {
    const { peer } = await trial.subscribe({ receiveMaximum: 3 })
    for (const packetId of [1, 2, 3]) {
      peer.send(publish({ version: 5, topic: 'a', qos: packetId === 2 ? 2 : 1, packetId }))
    }
    // Not `quiet`: its PUBREL may raise the quota by one (U5-4.9-a).
    peer.send(publish({ version: 5, topic: 'a', qos: 1, packetId: 4 }))
    await peer.rejects(0x93)
  },
}

/** Bytes instead of a good CONNACK: there is no DISCONNECT then. */
async function refusesConnack(trial: ClientTrial, bytes: Uint8Array): Promise<void> {
  const client = trial.start()
  const refused = assert.rejects(client.connected)
  const peer = await trial.server.accept()
  await peer.expect('connect')
  peer.send(bytes)
  await peer.closed()
  await refused
}

const wrongConnack: ClientCase = {
  id: 'hostile/connack',
  title: 'closes for a CONNACK that is malformed, twice the same property, or not the first packet',
  statements: ['U5-4.13.1-b', 'MQTT5-4.13.2-1', 'MQTT3-4.8.0-1'],
  versions: [5, 4],
  async run(trial) {
    const twice = [property.receiveMaximum(1), property.receiveMaximum(1)]
    const list = [
      hex('21 03 00 00 00'),
      hex('20 03 02 00 00'),
      hex('20 01 00'),
      publish({ version: trial.version, topic: 'a' }),
      hex('d0 00'),
      packet(0x90, u16(1), propertiesFor(trial.version), 0),
      connack(trial.version, { reasonCode: trial.version === 5 ? 0x87 : 5 }),
      ...(trial.version === 5
        ? [
            connack(5, { properties: twice }),
            connack(5, { properties: [property.receiveMaximum(0)] }),
            connack(5, { properties: [property.maximumPacketSize(0)] }),
            connack(5, { properties: [property.maximumQoS(2)] }),
            connack(5, { properties: [property.topicAlias(1)] }),
            connack(5, { reasonCode: 0x04 }),
          ]
        : [hex('20 03 00 00 00'), hex('20 02 01 05')]),
    ]
    for (const bytes of list) await refusesConnack(trial, bytes)
  },
}

const wrongCount: ClientCase = {
  id: 'hostile/suback-count',
  title:
    'ends the connection for a SUBACK or UNSUBACK with too few or too many codes, or wrong ones',
  statements: ['U5-4.13.1-b', 'MQTT3-4.8.0-1'],
  versions: [5, 4],
  async run(trial) {
    const { version } = trial
    for (const codes of [[], [0, 0], [0x42]]) {
      const { client, peer } = await trial.connect()
      client.subscribe('a').catch(() => {})
      const { packetId } = await peer.expect('subscribe')
      peer.send(packet(0x90, u16(packetId), propertiesFor(version), ...codes))
      await peer.rejects(malformed, protocolError)
    }
    if (version === 4) return
    const { peer, subscription } = await trial.subscribe()
    subscription.close().catch(() => {})
    const { packetId } = await peer.expect('unsubscribe')
    peer.send(packet(0xb0, u16(packetId), propertiesFor(version), 0, 0))
    await peer.rejects(malformed, protocolError)
  },
}

const nested: ClientCase = {
  id: 'hostile/topic-past-the-end',
  title: 'ends the connection for a Topic Name that is longer than its packet',
  statements: ['MQTT5-3.3.2-1', 'U5-4.13.1-b', 'MQTT3-3.3.2-1'],
  versions: [5, 4],
  async run(trial) {
    const { peer } = await trial.connect()
    peer.send(packet(0x30, utf8('abc').subarray(0, 4)))
    await peer.rejects(malformed)
  },
}

export const hostileCases: readonly ClientCase[] = [
  ...strings.map((row) => rowCase('text', row)),
  ...headers.map((row) => rowCase('packet', row)),
  ...properties.map((row) => rowCase('property', row)),
  ...[overWindow, wrongConnack, wrongCount, nested],
]
