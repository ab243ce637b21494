import assert from 'node:assert/strict'
import { ClientError, type PublishOptions } from '@busbar/client'
import { puback, pubcomp, publish, pubrec, toHex, utf8 } from '@busbar/conformance/bytes'
import type { ClientCase, Connected } from './case.ts'
import { suback, unsuback } from './raw-server.ts'
import type { Sent } from './sent.ts'

const both = [5, 4] as const

export function qosOf({ firstByte }: Sent): number {
  return (firstByte >> 1) & 3
}

export function isDup({ firstByte }: Sent): boolean {
  return (firstByte & 8) !== 0
}

export function textOf({ payload }: Sent): string {
  return Buffer.from(payload).toString()
}

/** For calls whose end is not what the case is about. */
export function ignore(...calls: readonly Promise<unknown>[]): void {
  for (const call of calls) call.catch(() => {})
}

const qos0: ClientCase = {
  id: 'send/qos-0',
  title: 'PUBLISH of QoS 0: DUP 0, the Topic Name first, no Packet Identifier, no properties',
  statements: [
    ...['MQTT5-2.2.1-2', 'MQTT5-2.2.2-1', 'MQTT5-3.3.1-2', 'MQTT5-3.3.2-1', 'MQTT5-4.3.1-1'],
    ...['MQTT3-2.3.1-5', 'MQTT3-3.3.1-2', 'MQTT3-3.3.2-1', 'MQTT3-4.3.1-1'],
  ],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { client, peer } = await trial.connect()
    await client.publish('ä', 'x')
    const { bytes } = await peer.expect('publish')
    assert.equal(toHex(bytes), toHex(publish({ version, topic: 'ä', payload: 'x' })))
    await client.publish('b', '', { retain: true })
    assert.equal((await peer.expect('publish')).firstByte, 0x31)
  },
}

const qos1: ClientCase = {
  id: 'send/qos-1',
  title: 'QoS 1: PUBLISH with an identifier and DUP 0, unacknowledged until PUBACK',
  statements: [
    ...['MQTT5-4.3.2-1', 'MQTT5-4.3.2-2', 'MQTT5-4.3.2-3'],
    ...['MQTT3-2.3.1-1', 'MQTT3-4.3.2-1'],
  ],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect()
    const call = client.publish('t', 'x', { qos: 1 })
    const { firstByte, packetId } = await peer.expect('publish')
    assert.equal(firstByte, 0b0011_0010)
    peer.send(puback(packetId + 1), pubrec(packetId + 2))
    assert.equal((await peer.expect('pubrel')).packetId, packetId + 2)
    assert.equal(client.stats.inflight, 1)
    const other = client.publish('t', 'y', { qos: 1 })
    assert.notEqual((await peer.expect('publish')).packetId, packetId)
    peer.send(puback(packetId))
    assert.equal((await call).stage, 'puback')
    assert.equal(client.stats.inflight, 1)
    ignore(other)
  },
}

const qos2: ClientCase = {
  id: 'send/qos-2',
  title: 'QoS 2: PUBLISH, PUBREL for its PUBREC with the same identifier, done with PUBCOMP',
  statements: [
    ...['MQTT5-2.2.1-5', 'MQTT5-4.3.3-1', 'MQTT5-4.3.3-2', 'MQTT5-4.3.3-3', 'MQTT5-4.3.3-4'],
    ...['MQTT5-4.3.3-5', 'MQTT5-3.6.1-1'],
    ...['MQTT3-2.3.1-1', 'MQTT3-2.3.1-6', 'MQTT3-4.3.3-1', 'MQTT3-3.6.1-1'],
  ],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect()
    const calls = ['x', 'y'].map((text) => client.publish('t', text, { qos: 2 }))
    const [one, two] = await peer.expectMany('publish', 2)
    assert.ok(one !== undefined && two !== undefined)
    assert.deepEqual([one.firstByte, two.firstByte], [0b0011_0100, 0b0011_0100])
    assert.notEqual(one.packetId, two.packetId)
    await peer.quiet() // no PUBREL before PUBREC
    peer.send(pubrec(two.packetId))
    const { bytes } = await peer.expect('pubrel')
    assert.equal(toHex(bytes), `62 02 00 0${two.packetId}`)
    await peer.quiet()
    assert.equal(client.stats.inflight, 2)
    peer.send(pubcomp(two.packetId), pubrec(one.packetId))
    await peer.expect('pubrel')
    await calls[1]
    assert.equal(client.stats.inflight, 1)
    peer.send(pubcomp(one.packetId))
    assert.equal((await calls[0])?.stage, 'pubcomp')
  },
}

const identifiers: ClientCase = {
  id: 'send/identifiers',
  title: 'PUBLISH, SUBSCRIBE and UNSUBSCRIBE share identifiers, and none is used twice at a time',
  statements: ['MQTT5-2.2.1-3', 'U5-2.2.1-a', 'MQTT3-2.3.1-2', 'MQTT3-2.3.1-3'],
  versions: both,
  async run(trial) {
    const outbox = { maxMessages: 70_000 }
    const { client, peer, subscription } = await trial.subscribe({ outbox, sendMaximum: 65_535 })
    ignore(client.subscribe('b'), subscription.close())
    const used = new Set([(await peer.expect('subscribe')).packetId])
    const leaving = await peer.expect('unsubscribe')
    used.add(leaving.packetId)
    for (let n = 0; n < 65_600; n++) ignore(client.publish('t', '', { qos: n % 2 === 0 ? 1 : 2 }))
    const sent = await peer.expectMany('publish', 65_533)
    for (const { packetId } of sent) used.add(packetId)
    assert.equal(used.size, 65_535)
    await peer.quiet() // the others wait
    const [first, second] = sent
    assert.ok(first !== undefined && second !== undefined)
    peer.send(puback(first.packetId))
    assert.equal((await peer.expect('publish')).packetId, first.packetId)
    peer.send(pubrec(second.packetId))
    await peer.expect('pubrel')
    await peer.quiet() // not free before PUBCOMP
    peer.send(pubcomp(second.packetId))
    assert.equal((await peer.expect('publish')).packetId, second.packetId)
    peer.send(unsuback(trial.version, leaving.packetId))
    await peer.quiet()
    peer.send(puback(sent[2]?.packetId ?? 0))
    const { packetId } = await peer.expect('publish')
    assert.ok([leaving.packetId, sent[2]?.packetId].includes(packetId))
  },
}

const refusedAnswers: ClientCase = {
  id: 'send/refused',
  title: 'PUBACK or PUBREC of 0x80 or more ends the publication, and its identifier is free',
  statements: ['MQTT5-4.4.0-2'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect({ reconnect: { minMs: 1 } })
    for (const qos of [1, 2] as const) {
      const call = client.publish('t', 'x', { qos })
      const refused = assert.rejects(call, { code: 'publish-refused', reasonCode: 0x97 })
      const { packetId } = await peer.expect('publish')
      peer.send(qos === 1 ? puback(packetId, 0x97) : pubrec(packetId, 0x97))
      await refused
    }
    await peer.quiet() // no PUBREL
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    await next.quiet()
  },
}

/** Publishes of which no byte may leave. */
async function refusesAll(
  { client, peer }: Connected,
  rows: readonly (readonly [topic: string, options?: PublishOptions])[],
): Promise<void> {
  for (const [topic, options] of rows) {
    for (const qos of [0, 1] as const) {
      const call = client.publish(topic, 'x', { qos, ...options })
      await assert.rejects(call, (error) => {
        return error instanceof ClientError && error.code.startsWith('invalid-')
      })
    }
  }
  await peer.quiet()
}

const topicNames: ClientCase = {
  id: 'send/topic-names',
  title: 'a message to what is no Topic Name is refused, and nothing is sent',
  statements: [
    ...['MQTT5-3.3.2-2', 'MQTT5-4.7.0-1', 'MQTT5-4.7.3-1', 'MQTT5-4.7.3-2', 'MQTT5-4.7.3-3'],
    ...['MQTT3-3.3.2-2', 'MQTT3-4.7.1-1', 'MQTT3-4.7.3-1', 'MQTT3-4.7.3-2', 'MQTT3-4.7.3-3'],
  ],
  versions: both,
  async run(trial) {
    const at = await trial.connect()
    const long = 'a'.repeat(65_535)
    const wrong = [
      '',
      '+',
      '#',
      'a/+',
      'a/#',
      'a+',
      'a\0',
      '\ud800',
      `${long}a`,
      'ä'.repeat(32_768),
    ]
    await refusesAll(
      at,
      wrong.map((topic) => [topic]),
    )
    await at.client.publish(long, '')
    assert.equal((await at.peer.expect('publish')).topic, long)
  },
}

const controlCharacters: ClientCase = {
  id: 'send/control-characters',
  title: 'control characters and non-characters do not leave in a Topic Name',
  statements: ['U5-1.5.4-a'],
  versions: [5],
  async run(trial) {
    await refusesAll(await trial.connect(), [['a\x01'], ['a\x7f'], ['a\x9f'], ['a\ufffe']])
  },
}

const properties: ClientCase = {
  id: 'send/properties',
  title: 'a message with a wrong property is refused, and nothing is sent',
  statements: [...['MQTT5-3.3.2-13', 'MQTT5-3.3.2-14', 'MQTT5-3.3.2-19', 'MQTT5-1.5.7-1']],
  versions: [5],
  async run(trial) {
    const at = await trial.connect()
    await refusesAll(at, [
      ['t', { properties: { responseTopic: 'a\ud800' } }],
      ['t', { properties: { responseTopic: 'a/+' } }],
      ['t', { properties: { responseTopic: '#' } }],
      ['t', { properties: { responseTopic: '' } }],
      ['t', { properties: { contentType: '\udfff' } }],
      ['t', { properties: { contentType: 'a\0' } }],
      ['t', { properties: { userProperties: [['a\0', 'b']] } }],
      ['t', { properties: { userProperties: [['a', '\ud800']] } }],
    ])
  },
}

const notForClients: ClientCase = {
  id: 'send/not-for-clients',
  title: 'a Subscription Identifier or Topic Alias of the program does not leave',
  statements: ['MQTT5-3.3.4-6', 'MQTT5-3.3.2-8'],
  versions: [5],
  async run(trial) {
    // The types forbid them; a program in JavaScript can try.
    const { client, peer } = await trial.connect()
    const wrong: readonly object[] = [
      { subscriptionIdentifiers: [7] },
      { topicAlias: 0 },
      { topicAlias: 3 },
    ]
    for (const properties of wrong) {
      for (const qos of [0, 1] as const) {
        const call = client.publish('a/long/topic', 'x', { qos, properties })
        await assert.rejects(call, { code: 'invalid-argument' })
      }
    }
    await peer.quiet()
  },
}

const lengths: ClientCase = {
  id: 'send/lengths',
  title: 'Remaining Length is in its shortest form at every limit',
  statements: ['MQTT5-1.5.5-1', 'U5-1.5.5-a'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    const overhead = utf8('t').length + 1 // and the Property Length
    for (const length of [127, 128, 16_383, 16_384, 2_097_151, 2_097_152]) {
      await client.publish('t', new Uint8Array(length - overhead))
      const { bytes } = await peer.expect('publish')
      const expected = length < 128 ? 1 : length < 16_384 ? 2 : length < 2_097_152 ? 3 : 4
      assert.equal(bytes.length - length - 1, expected)
    }
  },
}

const flags: ClientCase = {
  id: 'send/fixed-headers',
  title: 'the reserved flags of every packet are as they have to be',
  statements: [
    ...['MQTT5-2.1.3-1', 'MQTT5-3.8.1-1', 'MQTT5-3.10.1-1', 'MQTT5-3.14.2-1'],
    ...['MQTT3-2.2.2-1', 'MQTT3-3.8.1-1', 'MQTT3-3.10.1-1'],
  ],
  versions: both,
  async run(trial) {
    const clock = trial.clock()
    const { version } = trial
    const { client, peer, subscription } = await trial.subscribe({ clock, keepAlive: 10 })
    const again = client.subscribe('b')
    const subscribing = await peer.expect('subscribe')
    peer.send(suback(version, subscribing.packetId, 1))
    await again
    const leaving = subscription.close()
    const unsubscribing = await peer.expect('unsubscribe')
    peer.send(unsuback(version, unsubscribing.packetId))
    await leaving
    clock.pass(10_000)
    const ping = await peer.expect('pingreq')
    peer.send(publish({ version, topic: 'x', qos: 1, packetId: 1 }))
    const acknowledged = await peer.expect('puback')
    peer.send(publish({ version, topic: 'x', qos: 2, packetId: 1 }))
    const received = await peer.expect('pubrec')
    const closing = client.close({ drainMs: 0 })
    const bye = await peer.expect('disconnect')
    await closing
    const first = [subscribing, unsubscribing, ping, acknowledged, received, bye]
    assert.deepEqual(
      first.map(({ firstByte }) => firstByte),
      [0x82, 0xa2, 0xc0, 0x40, 0x50, 0xe0],
    )
    assert.equal(toHex(ping.bytes), 'c0 00')
  },
}

const qos3: ClientCase = {
  id: 'send/qos-3',
  title: 'QoS 3 of the program does not leave',
  statements: ['MQTT5-3.3.1-4', 'MQTT3-3.3.1-4'],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect()
    const call = client.publish('t', 'x', { qos: 3 as 2 })
    await assert.rejects(call, { code: 'qos-not-supported' })
    await assert.rejects(client.subscribe('t', { qos: 3 as 2 }), { code: 'invalid-argument' })
    await peer.quiet()
  },
}

export const sendCases: readonly ClientCase[] = [
  ...[
    qos0,
    qos1,
    qos2,
    identifiers,
    refusedAnswers,
    topicNames,
    controlCharacters,
    properties,
    notForClients,
  ],
  ...[lengths, flags, qos3],
]
