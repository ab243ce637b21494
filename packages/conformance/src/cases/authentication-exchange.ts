import assert from 'node:assert/strict'
import { auth, disconnect, hex, property, publish, subscribe } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting } from './lasting-session.ts'
import { beginScram, connectScram, method, scramAuth } from './scram-exchange.ts'

const acceptedCases: readonly Case[] = [
  {
    id: 'authentication/scram',
    title: 'asks with AUTH 18, accepts the proof, and names the method in each packet',
    statements: ['MQTT5-4.12.0-2', 'MQTT5-4.12.0-3', 'MQTT5-4.12.0-5', 'MQTT5-3.15.2-1'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer, serverFirst, connack } = await connectScram(t)
      assert.equal(serverFirst.reasonCode, 0x18)
      assert.equal(serverFirst.property('authenticationMethod'), method)
      assert.equal(connack.property('authenticationMethod'), method)
      peer.send(subscribe({ version: 5, filters: [{ filter: t.topic() }] }))
      await peer.expect('suback')
    },
  },
  {
    id: 'authentication/scram-session',
    title: 'resumes a Session for a client that authenticates with SCRAM',
    statements: ['MQTT5-4.12.0-5', 'MQTT5-3.1.2-5'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const connect = { ...lasting(), clientId: t.id() }
      const { peer } = await connectScram(t, { connect })
      peer.send(disconnect())
      await peer.expectClosed()
      const again = await connectScram(t, { connect })
      assert.equal(again.connack.sessionPresent, true)
    },
  },
  {
    id: 'authentication/auth-size',
    title: 'sends no texts in AUTH beyond the Maximum Packet Size of the client',
    statements: ['MQTT5-3.15.2-2', 'MQTT5-3.15.2-3'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const unlimited = await beginScram(t)
      const texts = unlimited.serverFirst.propertyList.filter(([at]) => at === 0x1f || at === 0x26)
      // Each text takes at least three bytes, so that with one of them it no longer fits.
      const size = unlimited.serverFirst.bytes.length - (texts.length > 0 ? 3 : 0)
      const connect = { properties: [property.maximumPacketSize(size)] }
      const { serverFirst } = await beginScram(t, { connect })
      assert.ok(serverFirst.bytes.length <= size, `${serverFirst} has more than ${size} bytes`)
    },
  },
]

const refusedCases: readonly Case[] = [
  {
    id: 'authentication/wrong-proof',
    title: 'refuses a wrong proof with CONNACK or nothing, never with DISCONNECT',
    statements: ['MQTT5-4.12.0-4', 'MQTT5-3.14.0-1', 'MQTT5-3.1.4-2'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const will = { topic: t.topic(), payload: 'will' }
      const { peer, client, serverFirst } = await beginScram(t, {
        password: 'wrong',
        connect: { will },
      })
      peer.send(scramAuth(0x18, client.final(serverFirst.property('authenticationData'))))
      await peer.rejects([0x87, 0x86])
    },
  },
  {
    id: 'authentication/wrong-message',
    title: 'refuses messages that are not of SCRAM',
    statements: ['MQTT5-4.12.0-4'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer } = await beginScram(t)
      peer.send(scramAuth(0x18, hex('ff 00 2c')))
      await peer.rejects([0x87, 0x86, 0x81, 0x82])
      const rows = { empty: hex(''), 'no attributes': hex('00 01'), 'unknown user': 'n,,n=x,r=abc' }
      await t.each(rows, async (data) => {
        const other = await t.open()
        const first = property.authenticationData(data)
        const properties = [property.authenticationMethod(method), first]
        other.send(t.connectBytes({ properties }))
        let answer = await other.receiveUnlessClosed()
        // A Server may hide that there is no such user until the proof comes.
        if (answer?.type === 'auth') {
          other.send(scramAuth(0x18, hex('00')))
          answer = await other.receiveUnlessClosed()
        }
        if (answer !== undefined) assert.ok([0x87, 0x86, 0x81, 0x82].includes(answer.reasonCode))
        await other.expectClosed()
      })
    },
  },
  {
    id: 'authentication/only-auth',
    title: 'refuses other packets than AUTH and DISCONNECT until CONNACK',
    statements: ['MQTT5-3.1.2-30', 'MQTT5-3.1.4-6'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const topic = t.topic()
      const rows = {
        SUBSCRIBE: subscribe({ version: 5, filters: [{ filter: topic }] }),
        PUBLISH: publish({ version: 5, topic, payload: 'x' }),
        PINGREQ: hex('c0 00'),
        CONNECT: t.connectBytes(),
      }
      const { peer: watcher } = await connectScram(t)
      watcher.send(subscribe({ version: 5, filters: [{ filter: topic }] }))
      await watcher.expect('suback')
      await t.each(rows, async (bytes) => {
        const { peer } = await beginScram(t)
        peer.send(bytes)
        await peer.rejects([0x82])
      })
      await watcher.expectNothing()
    },
  },
  {
    id: 'authentication/disconnect-instead',
    title: 'closes when DISCONNECT comes instead of the proof, without a Will',
    statements: ['MQTT5-3.1.2-30'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer } = await beginScram(t)
      peer.send(disconnect())
      await peer.expectClosed()
    },
  },
  {
    id: 'authentication/again-too-early',
    title: 'refuses AUTH 19 before CONNACK',
    statements: ['MQTT5-4.12.0-3'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer, client, serverFirst } = await beginScram(t)
      peer.send(scramAuth(0x19, client.final(serverFirst.property('authenticationData'))))
      await peer.rejects([0x82])
    },
  },
  {
    id: 'authentication/server-only-code',
    title: 'refuses an AUTH with a code that is not for clients',
    statements: ['MQTT5-3.15.2-1', 'MQTT5-4.13.1-1'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      await t.each({ 'code 00': 0x00, 'code 80': 0x80, 'code 01': 0x01 }, async (code) => {
        const { peer, client, serverFirst } = await beginScram(t)
        peer.send(scramAuth(code, client.final(serverFirst.property('authenticationData'))))
        await peer.rejects([0x82, 0x81])
        const { peer: later } = await connectScram(t)
        later.send(scramAuth(code, client.first))
        await later.rejects([0x82, 0x81])
      })
    },
  },
  {
    id: 'authentication/other-method',
    title: 'refuses an AUTH of another method',
    statements: ['MQTT5-4.12.0-5'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const { peer, client, serverFirst } = await beginScram(t)
      const proof = client.final(serverFirst.property('authenticationData'))
      peer.send(scramAuth(0x18, proof, 'SCRAM-SHA-1'))
      await peer.rejects([0x8c, 0x82])
    },
  },
  {
    id: 'authentication/method-missing',
    title: 'refuses an AUTH without Authentication Method',
    statements: ['U5-3.15.2-a'],
    versions: [5],
    profile: 'authentication',
    async run(t) {
      const rows = {
        'without properties': hex('f0 02 18 00'),
        'without anything': hex('f0 00'),
        'data alone': auth(0x18, [property.authenticationData('a')]),
      }
      await t.each(rows, async (bytes) => {
        const { peer } = await beginScram(t)
        peer.send(bytes)
        await peer.rejects([0x82])
        const { peer: later } = await connectScram(t)
        later.send(bytes)
        await later.rejects([0x82])
      })
    },
  },
]

export const exchangeCases: readonly Case[] = [...acceptedCases, ...refusedCases]
