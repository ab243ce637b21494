import assert from 'node:assert/strict'
import { publish, subscribe } from '../bytes.ts'
import type { Case } from '../case.ts'
import { alice } from '../profiles.ts'
import { ScramClient } from '../scram.ts'
import { beginAgain, connectScram, method, scramAuth } from './scram-exchange.ts'

const asAlice = { username: alice.name, password: alice.password }

export const againCases: readonly Case[] = [
  {
    id: 'authentication/again',
    title: 'authenticates a client again with AUTH 00, and sends no second CONNACK',
    statements: ['MQTT5-4.12.1-1', 'MQTT5-4.12.0-5', 'MQTT5-3.15.2-1', 'MQTT5-3.2.0-2'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer } = await connectScram(t)
      for (let round = 0; round < 2; round += 1) {
        const { client, proof } = await beginAgain(peer)
        peer.send(scramAuth(0x18, proof))
        const success = await peer.expect('auth', { reasonCode: 0 })
        assert.equal(success.property('authenticationMethod'), method)
        client.verify(success.property('authenticationData'))
      }
      await peer.expectNothing(500)
    },
  },
  {
    id: 'authentication/again-meanwhile',
    title: 'lets other packets flow while a client authenticates again',
    statements: ['U5-4.12-a', 'MQTT5-4.12.1-1'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const topic = t.topic()
      const { peer } = await connectScram(t)
      peer.send(subscribe({ version: 5, filters: [{ filter: topic, options: 1 }] }))
      await peer.expect('suback')
      const { proof } = await beginAgain(peer)
      peer.send(publish({ version: 5, topic, payload: 'own', qos: 1, packetId: 9 }))
      await peer.pick('puback', { packetId: 9, reasonCode: 0 })
      await peer.pick('publish', { payload: 'own' })
      const publisher = await t.connect(asAlice)
      await publisher.publish(topic, 'of another', { qos: 1 })
      await peer.pick('publish', { payload: 'of another' })
      peer.send(scramAuth(0x18, proof))
      await peer.expect('auth', { reasonCode: 0 })
    },
  },
  {
    id: 'authentication/again-other-method',
    title: 'refuses to authenticate again with another method',
    statements: ['MQTT5-4.12.1-1', 'MQTT5-4.12.0-5'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer } = await connectScram(t)
      peer.send(scramAuth(0x19, new ScramClient(alice).first, 'SCRAM-SHA-1'))
      await peer.rejects([0x8c, 0x82])
    },
  },
  {
    id: 'authentication/again-wrong-proof',
    title: 'closes after a wrong proof, and publishes the Will',
    statements: ['MQTT5-4.12.1-2'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const will = { topic: t.topic(), payload: 'will' }
      const watcher = await t.subscriber(will.topic, { connect: asAlice })
      const { peer } = await connectScram(t, { connect: { will } })
      const { proof } = await beginAgain(peer, { password: 'wrong' })
      peer.send(scramAuth(0x18, proof))
      await peer.rejects([0x87, 0x86, 0x8c])
      await watcher.message({ payload: 'will' })
    },
  },
  {
    id: 'authentication/again-unasked',
    title: 'refuses AUTH 18 when no authentication is under way',
    statements: ['MQTT5-4.12.1-1'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer } = await connectScram(t)
      peer.send(scramAuth(0x18, new ScramClient(alice).first))
      await peer.rejects([0x82])
    },
  },
  {
    id: 'authentication/again-without-method',
    title: 'refuses to authenticate again whoever came without a method',
    statements: ['MQTT5-4.12.0-7', 'MQTT5-4.12.1-1'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const client = await t.connect(asAlice)
      client.send(scramAuth(0x19, new ScramClient(alice).first))
      await client.rejects([0x82])
    },
  },
]
