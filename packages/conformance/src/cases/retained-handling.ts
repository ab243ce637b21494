import type { Case } from '../case.ts'

export const handlingCases: readonly Case[] = [
  {
    id: 'retained/handling-0',
    title: 'sends retained messages at every SUBSCRIBE with Retain Handling 0',
    statements: ['MQTT5-3.3.1-9', 'MQTT5-3.8.4-4', 'MQTT3-3.8.4-3', 'MQTT3-3.3.1-8'],
    versions: [5, 4, 3],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'A', { qos: 1, retain: true })
      const subscriber = await t.connect()
      for (let times = 0; times < 3; times += 1) {
        await subscriber.subscribe(t.topic())
        await subscriber.message({ payload: 'A', retain: true })
      }
      await subscriber.expectNoMessage()
    },
  },
  {
    id: 'retained/handling-1',
    title: 'sends retained messages with Retain Handling 1 only for a new subscription',
    statements: ['MQTT5-3.3.1-10'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'A', { qos: 1, retain: true })
      const subscriber = await t.subscriber(t.topic(), { retainHandling: 1 })
      await subscriber.message({ payload: 'A', retain: true })
      await subscriber.subscribe(t.topic(), { retainHandling: 1 })
      await subscriber.expectNoMessage()
      await subscriber.subscribe(t.topic(), { retainHandling: 1, qos: 1, identifier: 3 })
      await subscriber.expectNoMessage()
      await subscriber.unsubscribe(t.topic())
      await subscriber.subscribe(t.topic(), { retainHandling: 1 })
      await subscriber.message({ payload: 'A', retain: true })
    },
  },
  {
    id: 'retained/handling-2',
    title: 'sends no retained messages with Retain Handling 2, but live ones',
    statements: ['MQTT5-3.3.1-11'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'A', { qos: 1, retain: true })
      const subscriber = await t.subscriber(t.topic(), { retainHandling: 2 })
      await subscriber.expectNoMessage()
      await publisher.publish(t.topic(), 'live', { qos: 1 })
      await subscriber.message({ payload: 'live' })
    },
  },
  {
    id: 'retained/handling-with-as-published',
    title: 'sends retained messages with RETAIN 1 whatever Retain As Published is',
    statements: ['U5-3.3.1-c'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'A', { qos: 1, retain: true })
      for (const retainAsPublished of [false, true]) {
        const subscriber = await t.subscriber(t.topic(), { retainAsPublished })
        await subscriber.message({ payload: 'A', retain: true })
      }
    },
  },
  {
    id: 'retained/shared',
    title: 'sends no retained messages to a shared subscription',
    statements: ['U5-3.8.4-a', 'MQTT5-3.3.1-9'],
    versions: [5],
    async run(t) {
      const publisher = await t.connect()
      await publisher.publish(t.topic(), 'A', { qos: 1, retain: true })
      for (const retainHandling of [0, 1] as const) {
        const filter = `$share/${t.id()}/${t.topic()}`
        const member = await t.subscriber(filter, { retainHandling })
        await member.expectNoMessage()
        await publisher.publish(t.topic(), 'live', { qos: 1 })
        await member.message({ payload: 'live' })
      }
    },
  },
]
