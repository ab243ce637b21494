import assert from 'node:assert/strict'
import { subscribe as subscribeBytes, toHex, unsubscribe } from '@busbar/conformance/bytes'
import type { ClientCase } from './case.ts'
import { suback, unsuback } from './raw-server.ts'

const both = [5, 4] as const

const form: ClientCase = {
  id: 'subscribe/form',
  title: 'SUBSCRIBE and UNSUBSCRIBE name every Topic Filter, as UTF-8, with its options',
  statements: [
    ...['MQTT5-3.8.3-1', 'MQTT5-3.8.3-2', 'MQTT5-3.10.3-1', 'MQTT5-3.10.3-2'],
    ...['MQTT3-2.3.1-1', 'MQTT3-3.8.3-1', 'MQTT3-3.8.3-3', 'MQTT3-3.10.3-1', 'MQTT3-3.10.3-2'],
  ],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { client, peer } = await trial.connect()
    const names = ['ä/+/b', '#', '/', '+']
    const subscribing = client.subscribe(names, { qos: 2 })
    const asked = await peer.expect('subscribe')
    assert.deepEqual(
      asked.filters,
      names.map((filter) => ({ filter, options: 2 })),
    )
    const { packetId } = asked
    if (version === 4)
      assert.equal(
        toHex(asked.bytes),
        toHex(subscribeBytes({ version, packetId, filters: asked.filters })),
      )
    peer.send(suback(version, packetId, 2, 2, 2, 2))
    const leaving = (await subscribing).close()
    const left = await peer.expect('unsubscribe')
    assert.equal(
      toHex(left.bytes),
      toHex(unsubscribe({ version, packetId: left.packetId, filters: names })),
    )
    peer.send(unsuback(version, left.packetId, 4))
    await leaving
  },
}

const refused: ClientCase = {
  id: 'subscribe/topic-filters',
  title: 'a subscription to what is no Topic Filter is refused, and nothing is sent',
  statements: [
    ...['MQTT5-3.8.3-1', 'MQTT5-3.8.3-2', 'MQTT5-4.7.1-1', 'MQTT5-4.7.1-2', 'MQTT5-4.7.3-1'],
    ...['MQTT5-4.7.3-2', 'MQTT5-4.7.3-3', 'MQTT5-4.8.2-1', 'MQTT5-4.8.2-2'],
    ...['MQTT3-3.8.3-1', 'MQTT3-3.8.3-3', 'MQTT3-4.7.1-2', 'MQTT3-4.7.1-3', 'MQTT3-4.7.3-1'],
    ...['MQTT3-4.7.3-2', 'MQTT3-4.7.3-3'],
  ],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect()
    const wrong = [
      '',
      'a#',
      '#/a',
      'a/#/b',
      'a+',
      '+a',
      'a/+b/c',
      'a\0',
      '\ud800',
      'a'.repeat(65_536),
    ]
    const shared = [
      '$share/g',
      '$share/g/',
      '$share//a',
      '$share/g+/a',
      '$share/#/a',
      '$share/g/a#',
    ]
    for (const filter of trial.version === 5 ? [...wrong, ...shared] : wrong) {
      await assert.rejects(client.subscribe(filter), { code: 'invalid-topic' })
      await assert.rejects(client.subscribe(['good', filter]), { code: 'invalid-topic' })
    }
    await assert.rejects(client.subscribe([]), { code: 'invalid-argument' })
    await peer.quiet()
  },
}

const noLocal: ClientCase = {
  id: 'subscribe/shared',
  title: 'No Local is not asked for with a Shared Subscription',
  statements: ['MQTT5-3.8.3-4', 'MQTT5-4.8.2-1'],
  versions: [5],
  async run(trial) {
    const { client, peer } = await trial.connect()
    const subscribing = client.subscribe(['$share/g/a/+', 'b'], { noLocal: true, qos: 1 })
    const { packetId, filters } = await peer.expect('subscribe')
    assert.deepEqual(filters, [
      { filter: '$share/g/a/+', options: 0b0001 },
      { filter: 'b', options: 0b0101 },
    ])
    peer.send(suback(5, packetId, 1, 1))
    await subscribing
  },
}

export const subscribeCases: readonly ClientCase[] = [form, refused, noLocal]
