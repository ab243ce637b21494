import assert from 'node:assert/strict'
import type { Message, Subscription } from '@busbar/client'
import { property, publish, pubrel, raw } from '@busbar/conformance/bytes'
import type { ClientCase } from './case.ts'
import { connack, type Peer, suback } from './raw-server.ts'

const both = [5, 4] as const

async function take(subscription: Subscription, count: number): Promise<Message[]> {
  const messages: Message[] = []
  while (messages.length < count) {
    const { value } = await subscription.next()
    assert.ok(value !== undefined, 'the subscription has ended')
    messages.push(value)
  }
  return messages
}

async function packetIds(peer: Peer, type: 'puback' | 'pubrec' | 'pubrel', count: number) {
  return (await peer.expectMany(type, count)).map(({ packetId }) => packetId)
}

const answers: ClientCase = {
  id: 'receive/answers',
  title: 'QoS 0 is answered with nothing, QoS 1 with PUBACK, QoS 2 with PUBREC, then PUBCOMP',
  statements: [
    ...['MQTT5-2.2.1-5', 'MQTT5-3.3.4-1', 'MQTT5-4.3.2-4', 'MQTT5-4.3.3-8', 'MQTT5-4.3.3-11'],
    ...['MQTT5-3.4.2-1', 'MQTT5-3.5.2-1', 'MQTT5-3.7.2-1'],
    ...['MQTT3-2.3.1-6', 'MQTT3-3.3.4-1', 'MQTT3-4.3.2-2', 'MQTT3-4.3.3-2'],
  ],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer, subscription } = await trial.subscribe()
    peer.send(publish({ version, topic: 'a', payload: '0' }))
    await take(subscription, 1)
    await peer.quiet()
    peer.send(publish({ version, topic: 'a', qos: 1, packetId: 7 }))
    const [one] = await take(subscription, 1)
    await peer.quiet() // nobody has taken it over yet
    one?.ack()
    assert.equal((await peer.expect('puback')).packetId, 7)
    peer.send(publish({ version, topic: 'a', qos: 2, packetId: 65_535 }))
    const [two] = await take(subscription, 1)
    await peer.quiet()
    two?.ack()
    assert.equal((await peer.expect('pubrec')).packetId, 65_535)
    peer.send(pubrel(65_535))
    const { packetId, reasonCode } = await peer.expect('pubcomp')
    assert.deepEqual([packetId, reasonCode], [65_535, 0])
  },
}

const notUsed: ClientCase = {
  id: 'receive/nobody-wants-it',
  title: 'a message that the application does not use is acknowledged by its QoS',
  statements: ['MQTT5-4.5.0-2', 'MQTT3-4.5.0-2'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer } = await trial.connect()
    peer.send(publish({ version, topic: 'x', qos: 1, packetId: 3 }))
    assert.equal((await peer.expect('puback')).packetId, 3)
    peer.send(publish({ version, topic: 'x', qos: 2, packetId: 4 }))
    assert.equal((await peer.expect('pubrec')).packetId, 4)
  },
}

const order: ClientCase = {
  id: 'receive/order-of-acknowledgements',
  title: 'PUBACK and PUBREC go in the order of arrival, whatever the application does',
  statements: ['MQTT5-4.6.0-2', 'MQTT5-4.6.0-3', 'MQTT3-4.6.0-2', 'MQTT3-4.6.0-3'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer, subscription } = await trial.subscribe()
    for (const qos of [1, 2] as const) {
      const ids = [5, 3, 9, 1]
      peer.send(...ids.map((packetId) => publish({ version, topic: 'a', qos, packetId })))
      const messages = await take(subscription, 4)
      for (const message of messages.slice(1).toReversed()) message.ack()
      await peer.quiet()
      messages[0]?.ack()
      assert.deepEqual(await packetIds(peer, qos === 1 ? 'puback' : 'pubrec', 4), ids)
    }
  },
}

const orderOfReleases: ClientCase = {
  id: 'receive/order-of-pubrel',
  title: 'PUBREL goes in the order in which PUBREC came',
  statements: ['MQTT5-4.6.0-4', 'MQTT3-4.6.0-4'],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect()
    const calls = [1, 2, 3, 4].map((n) => client.publish('t', `${n}`, { qos: 2 }))
    const ids = (await peer.expectMany('publish', 4)).map(({ packetId }) => packetId)
    const mixed = [2, 0, 3, 1].map((at) => ids[at] as number)
    peer.send(...mixed.map((packetId) => Uint8Array.of(0x50, 2, 0, packetId)))
    assert.deepEqual(await packetIds(peer, 'pubrel', 4), mixed)
    peer.send(...mixed.map((packetId) => Uint8Array.of(0x70, 2, 0, packetId)))
    await Promise.all(calls)
  },
}

const repeated1: ClientCase = {
  id: 'receive/again-qos-1',
  title: 'after PUBACK the identifier means a new message, whatever its DUP',
  statements: ['MQTT5-4.3.2-5', 'MQTT3-4.3.2-2'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer, subscription } = await trial.subscribe()
    for (const dup of [false, true, true, false]) {
      peer.send(publish({ version, topic: 'a', payload: `${dup}`, qos: 1, packetId: 1, dup }))
      const [message] = await take(subscription, 1)
      assert.equal(message?.text(), `${dup}`)
      message?.ack()
      await peer.expect('puback')
    }
  },
}

const repeated2: ClientCase = {
  id: 'receive/again-qos-2',
  title: 'until PUBREL a repeated identifier gets PUBREC and no delivery; after PUBCOMP it is new',
  statements: ['MQTT5-4.3.3-10', 'MQTT5-4.3.3-12', 'MQTT3-4.3.3-2'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer, subscription } = await trial.subscribe()
    const message = (payload: string, dup = false) =>
      publish({ version, topic: 'a', payload, qos: 2, packetId: 1, dup })
    peer.send(message('one'))
    ;(await take(subscription, 1))[0]?.ack()
    await peer.expect('pubrec')
    for (const dup of [true, false]) {
      peer.send(message('again', dup))
      assert.equal((await peer.expect('pubrec')).packetId, 1)
    }
    peer.send(pubrel(1))
    await peer.expect('pubcomp')
    peer.send(message('two'))
    assert.equal((await take(subscription, 1))[0]?.text(), 'two')
  },
}

const refused: ClientCase = {
  id: 'receive/refused-qos-2',
  title: 'after PUBREC of 0x80 or more the identifier means a new message',
  statements: ['MQTT5-4.3.3-9', 'MQTT5-3.4.2-1', 'MQTT5-3.5.2-1'],
  versions: [5],
  async run(trial) {
    const { peer, subscription } = await trial.subscribe()
    for (const payload of ['one', 'two']) {
      peer.send(publish({ version: 5, topic: 'a', payload, qos: 2, packetId: 1 }))
      const [message] = await take(subscription, 1)
      assert.equal(message?.text(), payload)
      message?.reject(0x83)
      assert.equal((await peer.expect('pubrec')).reasonCode, 0x83)
    }
    peer.send(publish({ version: 5, topic: 'a', qos: 1, packetId: 1 }))
    ;(await take(subscription, 1))[0]?.reject(0x99)
    assert.equal((await peer.expect('puback')).reasonCode, 0x99)
  },
}

const expired: ClientCase = {
  id: 'receive/expired',
  title: 'the exchange of QoS 2 is completed when the message has expired meanwhile',
  statements: ['MQTT5-4.3.3-13'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const { peer, subscription } = await trial.subscribe({ clock })
    const properties = [property.messageExpiryInterval(1)]
    peer.send(publish({ version: 5, topic: 'a', qos: 2, packetId: 1, properties }))
    const [message] = await take(subscription, 1)
    clock.pass(5_000)
    message?.ack()
    await peer.expect('pubrec')
    clock.pass(5_000)
    peer.send(pubrel(1))
    assert.equal((await peer.expect('pubcomp')).packetId, 1)
  },
}

const independent: ClientCase = {
  id: 'receive/identifiers-of-the-server',
  title: "identifiers of the server are independent of the client's",
  statements: ['U5-2.2.1-a'],
  versions: [5],
  async run(trial) {
    const { client, peer, subscription } = await trial.subscribe()
    const call = client.publish('a', 'x', { qos: 2 })
    const { packetId } = await peer.expect('publish')
    peer.send(publish({ version: 5, topic: 'a', qos: 2, packetId }))
    ;(await take(subscription, 1))[0]?.ack()
    assert.equal((await peer.expect('pubrec')).packetId, packetId)
    peer.send(Uint8Array.of(0x50, 2, 0, packetId), pubrel(packetId))
    await peer.expect('pubrel')
    await peer.expect('pubcomp')
    peer.send(Uint8Array.of(0x70, 2, 0, packetId))
    await call
  },
}

const early: ClientCase = {
  id: 'receive/before-suback',
  title: 'a message that comes before SUBACK reaches the new subscription',
  statements: ['U5-3.8.4-b'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    const subscribing = client.subscribe('a')
    const { packetId } = await peer.expect('subscribe')
    peer.send(publish({ version: 5, topic: 'a', payload: 'early', retain: true }))
    peer.send(suback(5, packetId, 1))
    const [message] = await take(await subscribing, 1)
    assert.equal(message?.text(), 'early')
  },
}

const aliases: ClientCase = {
  id: 'receive/aliases',
  title: 'every alias up to the announced maximum is taken, may be mapped anew, and is used',
  statements: ['MQTT5-3.3.2-10', 'U5-3.3.2-b'],
  versions: [5],
  async run(trial) {
    const { peer, subscription } = await trial.subscribe({ topicAliasMaximum: 5 })
    const send = (topic: string, alias: number) =>
      peer.send(publish({ version: 5, topic, properties: [property.topicAlias(alias)] }))
    for (const alias of [1, 2, 3, 4, 5]) send(`topic/${alias}`, alias)
    send('again', 5)
    for (const alias of [5, 1, 5, 3]) send('', alias)
    const topics = (await take(subscription, 10)).map(({ topicName }) => topicName)
    assert.deepEqual(topics.slice(5), ['again', 'again', 'topic/1', 'again', 'topic/3'])
  },
}

const aliasesEnd: ClientCase = {
  id: 'receive/aliases-end',
  title: 'aliases end with the connection',
  statements: ['MQTT5-3.3.2-7', 'U5-3.3.4-b'],
  versions: [5],
  async run(trial) {
    const { peer, subscription } = await trial.subscribe({ reconnect: { minMs: 1 } })
    const properties = [property.topicAlias(1)]
    peer.send(publish({ version: 5, topic: 'a', properties }))
    await take(subscription, 1)
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    next.send(publish({ version: 5, topic: '', properties }))
    await next.rejects(0x82, 0x94)
  },
}

const byteOrderMark: ClientCase = {
  id: 'receive/byte-order-mark',
  title: 'EF BB BF in a string is U+FEFF, and is kept in both directions',
  statements: ['MQTT5-1.5.4-3', 'MQTT3-1.5.3-3'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { client, peer, subscription } = await trial.subscribe()
    const topic = '\ufeffa\ufeff'
    peer.send(publish({ version, topic: Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xef, 0xbb, 0xbf) }))
    assert.equal((await take(subscription, 1))[0]?.topicName, topic)
    await client.publish(topic, '')
    assert.equal((await peer.expect('publish')).topic, topic)
  },
}

const foreignIdentifier: ClientCase = {
  id: 'receive/subscription-identifiers',
  title: 'an identifier of no subscription of ours gives a message to no wrong subscription',
  statements: ['U5-3.3.4-d'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    const names = ['a/+', 'b/+']
    const subscriptions = []
    const identifiers: number[] = []
    for (const filter of names) {
      const subscribing = client.subscribe(filter, { qos: 0 })
      const { packetId, properties } = await peer.expect('subscribe')
      identifiers.push(properties.get(0x0b)?.[0] as number)
      peer.send(suback(5, packetId, 0))
      subscriptions.push(await subscribing)
    }
    assert.equal(new Set(identifiers).size, 2)
    const [a, b] = subscriptions
    assert.ok(a !== undefined && b !== undefined)
    const send = (topic: string, payload: string, identifier: number) => {
      const properties = [property.subscriptionIdentifier(identifier)]
      peer.send(publish({ version: 5, topic, payload, properties }))
    }
    send('a/1', 'foreign', 99_999)
    send('a/1', 'of b', identifiers[1] ?? 0)
    send('b/1', 'right', identifiers[1] ?? 0)
    assert.deepEqual(
      (await take(b, 1)).map((message) => message.text()),
      ['right'],
    )
    assert.deepEqual(
      (await take(a, 2)).map((message) => message.text()),
      ['foreign', 'of b'],
    )
  },
}

const shortForms: ClientCase = {
  id: 'receive/short-forms',
  title: 'acknowledgements of 2, 3 and 4 bytes are read, absent fields as their defaults',
  statements: ['U5-3.4.2-a', 'MQTT5-2.2.2-1'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    for (const rest of [[], [0x10], [0x10, 0]]) {
      const call = client.publish('t', '', { qos: 1 })
      const { packetId } = await peer.expect('publish')
      peer.send(Uint8Array.of(0x40, 2 + rest.length, 0, packetId, ...rest))
      assert.equal((await call).reasonCode, rest[0] ?? 0)
    }
  },
}

const binaryPayload: ClientCase = {
  id: 'receive/payload-format',
  title:
    'a payload that is said to be UTF-8 and is not arrives as it is, and cannot be read as text',
  statements: ['U5-3.3.2-c'],
  versions: [5],
  async run(trial) {
    const { peer, subscription } = await trial.subscribe()
    const payload = Uint8Array.of(0xff, 0xfe)
    const properties = [property.payloadFormatIndicator(1)]
    peer.send(publish({ version: 5, topic: 'a', payload, qos: 1, packetId: 1, properties }))
    const [message] = await take(subscription, 1)
    assert.throws(() => message?.text(), TypeError)
    assert.deepEqual([...(message?.payload ?? [])], [...raw(payload)])
    message?.reject(0x99)
    assert.equal((await peer.expect('puback')).reasonCode, 0x99)
  },
}

const split: ClientCase = {
  id: 'receive/any-split',
  title: 'TCP gives a stream: packets arrive in any pieces',
  statements: ['MQTT5-4.2.0-1', 'MQTT3-7.1.2-1'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const client = trial.start()
    const peer = await trial.server.accept()
    await peer.expect('connect')
    for (const byte of connack(version)) peer.send(Uint8Array.of(byte))
    await client.connected
    const one = publish({ version, topic: 'a', payload: 'x'.repeat(300), qos: 1, packetId: 1 })
    const two = publish({ version, topic: 'a', qos: 1, packetId: 2 })
    const stream = Buffer.concat([one, two])
    for (const [from, to] of [[0, 1], [1, 2], [2, 40], [40, one.length + 1], [one.length + 1]]) {
      peer.send(stream.subarray(from, to))
    }
    assert.deepEqual(await packetIds(peer, 'puback', 2), [1, 2])
  },
}

export const receiveCases: readonly ClientCase[] = [
  ...[answers, notUsed, order, orderOfReleases, repeated1, repeated2, refused, expired],
  ...[independent, early, aliases, aliasesEnd, byteOrderMark, foreignIdentifier, shortForms],
  ...[binaryPayload, split],
]
