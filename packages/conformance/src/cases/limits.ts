import assert from 'node:assert/strict'
import { hex, property, publish, pubrel } from '../bytes.ts'
import { type Case, type Suite, suite } from '../case.ts'
import { packetSizeCases } from './limits-packet-size.ts'

const announcedCases: readonly Case[] = [
  announces(0, 'MQTT5-3.2.2-9'),
  announces(1, 'MQTT5-3.2.2-9'),
  {
    id: 'limits/maximum-qos-2',
    title: 'sends no Maximum QoS when it takes QoS 2',
    statements: ['MQTT5-3.2.2-9'],
    versions: [5],
    async run(t) {
      const client = await t.connect()
      const maximumQoS = client.connack.property('maximumQoS')
      if (maximumQoS !== undefined && maximumQoS < 2) t.skip(`the Server takes QoS ${maximumQoS}`)
      assert.equal(maximumQoS, undefined)
      await client.publish(t.topic(), 'x', { qos: 2 })
    },
  },
  subscribesAboveMaximum(0),
  subscribesAboveMaximum(1),
  publishesAboveMaximum(0),
  publishesAboveMaximum(1),
  refusesWill(0),
  refusesWill(1),
  {
    id: 'limits/will-qos-3',
    title: 'refuses a Will whose QoS it does not take without a code that 3.1.1 lacks',
    statements: ['MQTT3-3.2.2-6'],
    versions: [4],
    profile: 'maximum-qos-0',
    async run(t) {
      const peer = await t.open()
      peer.send(t.connectBytes({ will: { topic: t.topic(), qos: 1 } }))
      const answer = await peer.receiveUnlessClosed()
      if (answer?.reasonCode === 0) t.skip('the Server lowers the QoS of a Will')
      assert.ok([0, 3, 5].includes(answer?.reasonCode ?? 0), `${answer}`)
      await peer.expectClosed(1_000)
    },
  },
  {
    id: 'limits/will-retain',
    title: 'refuses a retained Will where it retains nothing',
    statements: ['MQTT5-3.2.2-13'],
    versions: [5],
    profile: 'retain-unavailable',
    async run(t) {
      const client = await t.connect({ will: { topic: t.topic() } })
      assert.equal(client.connack.property('retainAvailable'), 0)
      const refusal = await t.refused({ will: { topic: t.topic(), retain: true } }, [0x9a])
      assert.equal(refusal?.sessionPresent ?? false, false)
    },
  },
]

/** The profile in which the Server takes PUBLISH up to this QoS. */
function profileOf(qos: 0 | 1): 'maximum-qos-0' | 'maximum-qos-1' {
  return qos === 0 ? 'maximum-qos-0' : 'maximum-qos-1'
}

function announces(qos: 0 | 1, statement: string): Case {
  return {
    id: `limits/maximum-qos-${qos}`,
    title: `announces that it takes QoS ${qos} at most`,
    statements: [statement],
    versions: [5],
    profile: profileOf(qos),
    async run(t) {
      const client = await t.connect()
      assert.equal(client.connack.property('maximumQoS'), qos)
      const watcher = await t.subscriber(t.topic(), { qos })
      await client.publish(t.topic(), 'x', { qos })
      await watcher.message({ payload: 'x', qos })
    },
  }
}

function subscribesAboveMaximum(maximum: 0 | 1): Case {
  return {
    id: `limits/subscribe-above-qos-${maximum}`,
    title: `grants QoS ${maximum} or less to whoever subscribes with more, and delivers`,
    statements: ['MQTT5-3.2.2-10'],
    versions: [5],
    profile: profileOf(maximum),
    async run(t) {
      await t.each({ 'QoS 0': 0, 'QoS 1': 1, 'QoS 2': 2 } as const, async (qos) => {
        const client = await t.connect()
        const topic = t.topic(`${qos}`)
        await client.subscribe(topic, { qos, codes: [Math.min(qos, maximum)] })
        await client.publish(topic, 'x', { qos: 0 })
        await client.message({ payload: 'x' })
      })
    },
  }
}

function publishesAboveMaximum(maximum: 0 | 1): Case {
  return {
    id: `limits/publish-above-qos-${maximum}`,
    title: `refuses a PUBLISH above QoS ${maximum} with 9B and forwards nothing of it`,
    statements: ['U5-3.2.2-a', 'MQTT5-3.2.2-11'],
    versions: [5],
    profile: profileOf(maximum),
    async run(t) {
      const watcher = await t.subscriber(t.topic(), { qos: 0 })
      const above = maximum === 0 ? ([1, 2] as const) : ([2] as const)
      for (const qos of above) {
        const client = await t.connect()
        const { topic, packetId } = { topic: t.topic(), packetId: 1 }
        // With its PUBREL, without which a message of QoS 2 might only be held back.
        client.send(publish({ version: 5, topic, payload: 'x', qos, packetId }), pubrel(packetId))
        await client.rejects([0x9b])
      }
      await watcher.expectNoMessage()
    },
  }
}

function refusesWill(maximum: 0 | 1): Case {
  return {
    id: `limits/will-above-qos-${maximum}`,
    title: `refuses a Will above QoS ${maximum} with 9B`,
    statements: ['MQTT5-3.2.2-12'],
    versions: [5],
    profile: profileOf(maximum),
    async run(t) {
      await t.connect({ will: { topic: t.topic(), qos: maximum } })
      const above = maximum === 0 ? ([1, 2] as const) : ([2] as const)
      for (const qos of above) await t.refused({ will: { topic: t.topic(), qos } }, [0x9b])
    },
  }
}

const requestCases: readonly Case[] = [
  {
    id: 'limits/response-information-unasked',
    title: 'sends no Response Information to a client that did not ask for it',
    statements: ['MQTT5-3.1.2-28'],
    versions: [5],
    profile: 'response-information',
    async run(t) {
      const asking = await t.connect({ properties: [property.requestResponseInformation(1)] })
      const sent = asking.connack.property('responseInformation')
      assert.ok((sent ?? '') !== '', 'the Server has none, so that the case shows nothing')
      for (const properties of [[], [property.requestResponseInformation(0)]]) {
        const { connack } = await t.connect({ properties })
        assert.equal(connack.property('responseInformation'), undefined)
      }
    },
  },
  {
    id: 'limits/response-information-default',
    title: 'sends no Response Information by default to a client that did not ask for it',
    statements: ['MQTT5-3.1.2-28'],
    versions: [5],
    async run(t) {
      for (const properties of [[], [property.requestResponseInformation(0)]]) {
        const { connack } = await t.connect({ properties })
        assert.equal(connack.property('responseInformation'), undefined)
      }
    },
  },
  {
    id: 'limits/problem-information',
    title: 'sends no texts in acknowledgements when Request Problem Information is 0',
    statements: ['MQTT5-3.1.2-29'],
    versions: [5],
    async run(t) {
      const client = await t.connect({ properties: [property.requestProblemInformation(0)] })
      await client.publish(t.topic('nobody'), 'x', { qos: 1 })
      await client.publish(t.topic('nobody'), 'x', { qos: 2 })
      client.send(
        // Nothing is known of 99, there is no such subscription, and no client writes to $SYS.
        hex('62 02 0063'),
        hex('82 0b 0061 00 0005 6e6f6e652f 02'),
        hex('a2 0a 0062 00 0005 6e6f6e6521'),
      )
      client.sendPublish('$SYS/broker/version', 'x', { qos: 1, packetId: 0x60 })
      await client.pick('pubcomp', { packetId: 99 })
      await client.pick('suback', { packetId: 97 })
      await client.pick('unsuback', { packetId: 98 })
      await client.ping()
    },
  },
]

export const limits: Suite = suite('limits', [
  ...announcedCases,
  ...requestCases,
  ...packetSizeCases,
])
