import { property, puback, pubrec } from '../bytes.ts'
import type { Case } from '../case.ts'
import { lasting, resume } from './lasting-session.ts'

export const deliveryCases: readonly Case[] = [
  {
    id: 'shared/own-qos',
    title: 'delivers to each member at most at the QoS granted to it',
    statements: ['MQTT5-4.8.2-3'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const granted = [0, 1] as const
      const members = await Promise.all(granted.map((qos) => t.subscriber(filter, { qos })))
      const publisher = await t.connect()
      for (const qos of [0, 1, 2] as const) {
        for (let sent = 0; sent < 10; sent += 1)
          await publisher.publish(t.topic(), `${qos}`, { qos })
      }
      await t.delay(500)
      const taken = members.map((member) => member.takeWaiting())
      t.check(taken.flat().length >= 20, `of 30 messages ${taken.flat().length} came`)
      for (const [at, messages] of taken.entries()) {
        const wrong = messages.filter(
          (message) => message.qos !== Math.min(Number(message.text), granted[at] ?? 0),
        )
        t.check(wrong.length === 0, `to the member of QoS ${at} came ${wrong[0]}`)
      }
    },
  },
  {
    id: 'shared/qos-2-finished',
    title: 'finishes a delivery of QoS 2 with the member it began with, when that one returns',
    statements: ['MQTT5-4.8.2-4'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const first = await t.subscriber(filter, { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'begun', { qos: 2 })
      const { packetId } = await first.pick('publish', { payload: 'begun', qos: 2 })
      const other = await t.subscriber(filter)
      first.abort()
      await other.expectNoMessage()
      const again = await resume(t, first)
      await again.message({ payload: 'begun', qos: 2, packetId, dup: true })
      await other.expectNoMessage()
    },
  },
  {
    id: 'shared/qos-2-session-ends',
    title: 'gives a begun delivery of QoS 2 to nobody else when the Session of its member ends',
    statements: ['MQTT5-4.8.2-5'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const connect = { properties: [property.sessionExpiryInterval(1)] }
      const first = await t.subscriber(filter, { connect })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'begun', { qos: 2 })
      await first.pick('publish', { payload: 'begun', qos: 2 })
      const other = await t.subscriber(filter)
      first.abort()
      await other.expectNoMessage(3_000)
      await publisher.publish(t.topic(), 'for the other', { qos: 2 })
      await other.message({ payload: 'for the other' })
    },
  },
  {
    id: 'shared/qos-1-session-ends',
    title: 'gives an unacknowledged message of QoS 1 to another member when its Session ends',
    statements: ['U5-4.8.2-c'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const first = await t.subscriber(filter)
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'unacknowledged', { qos: 1 })
      await first.pick('publish', { payload: 'unacknowledged', qos: 1 })
      const other = await t.subscriber(filter)
      first.abort()
      await other.message({ payload: 'unacknowledged' }, 3_000)
    },
  },
  {
    id: 'shared/refused-by-member',
    title: 'discards a message whose member answers 80 or more',
    statements: ['MQTT5-4.8.2-6', 'MQTT5-4.4.0-2'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const first = await t.subscriber(filter, { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'refused', { qos: 1 })
      const { packetId } = await first.pick('publish', { payload: 'refused', qos: 1 })
      const other = await t.subscriber(filter)
      first.send(puback(packetId, 0x80))
      await first.ping()
      await other.expectNoMessage()
      first.abort()
      await (await resume(t, first)).expectNoMessage()
      await other.expectNoMessage(200)
    },
  },
  {
    id: 'shared/refused-at-qos-2',
    title: 'discards a message of QoS 2 whose member answers PUBREC of 80 or more',
    statements: ['MQTT5-4.8.2-6', 'MQTT5-4.4.0-2'],
    versions: [5],
    async run(t) {
      const filter = `$share/${t.id()}/${t.topic()}`
      const first = await t.subscriber(filter, { connect: lasting() })
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'refused', { qos: 2 })
      const { packetId } = await first.pick('publish', { payload: 'refused', qos: 2 })
      const other = await t.subscriber(filter)
      first.send(pubrec(packetId, 0x97))
      await first.expectNoMessage()
      await other.expectNoMessage(200)
      first.abort()
      await (await resume(t, first)).expectNoMessage()
      await other.expectNoMessage(200)
    },
  },
]
