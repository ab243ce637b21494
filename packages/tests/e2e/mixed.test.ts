import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type BusbarProcess, startBusbar } from '../src/busbar.ts'
import type { Message, MessageProperties, MqttVersion, Subscriber } from '../src/library.ts'
import { mosquitto } from '../src/mosquitto.ts'
import { mqttJs } from '../src/mqttjs.ts'
import { paho } from '../src/paho.ts'

const libraries = [mosquitto, mqttJs('tcp'), mqttJs('ws'), paho].filter(({ skip }) => !skip)
const kinds = libraries.flatMap((library) =>
  library.versions.map((version) => ({ library, version, name: `${library.name} ${version}` })),
)

const properties: MessageProperties = {
  payloadFormatIndicator: 1,
  contentType: 'text/plain; charset=utf-8',
  responseTopic: 'answers/π',
  correlationData: '4711',
  userProperties: [
    ['first', 'eins'],
    ['second', 'zwei'],
  ],
}

describe('libraries and versions on one broker', () => {
  const started = new AsyncDisposableStack()
  let broker: BusbarProcess
  before(async () => {
    broker = started.use(await startBusbar())
  })
  after(() => started.disposeAsync())

  test(`each of ${kinds.length} kinds of publisher reaches each of ${kinds.length} kinds of subscriber`, async () => {
    await using subscribers = await subscribeAll(broker, 'all/#')
    for (const [index, { library, version, name }] of kinds.entries()) {
      const qos = ([0, 1, 2] as const)[index % 3] ?? 0
      const sent = { topic: `all/${index}`, payload: name, qos, retain: false }
      await library.publish(broker, version, [sent])
      await subscribers.expectAll(() => sent)
    }
  })

  for (const { library, version, name } of kinds.filter(({ version }) => version === '5')) {
    test(`the properties from ${name} reach 5.0, and nothing else is lost towards 3.x`, async () => {
      const topic = `properties/${name}`
      const sent: Message = { topic, payload: 'päyload', qos: 2, retain: true, properties }
      const { properties: _, ...bare } = sent
      const seenBy = (version: MqttVersion) => (version === '5' ? sent : bare)
      await using live = await subscribeAll(broker, topic)
      await library.publish(broker, version, [sent])
      await live.expectAll((version) => ({ ...seenBy(version), retain: false }))
      // The same for those who come later.
      await using late = await subscribeAll(broker, topic)
      await late.expectAll(seenBy)
    })
  }

  for (const { library, version, name } of kinds.filter(({ version }) => version !== '5')) {
    test(`a message from ${name} has no properties for 5.0`, async () => {
      const sent: Message = { topic: `bare/${name}`, payload: 'x', qos: 1, retain: true }
      await library.publish(broker, version, [sent])
      await using late = await subscribeAll(broker, sent.topic)
      await late.expectAll(() => sent)
    })
  }
})

/** A subscriber of each kind. */
async function subscribeAll(broker: BusbarProcess, filter: string) {
  const stack = new AsyncDisposableStack()
  const subscribers: (Subscriber & { name: string; version: MqttVersion })[] = []
  await Promise.all(
    kinds.map(async ({ library, version, name }) => {
      const subscriber = stack.use(await library.subscribe(broker, { version, filter, qos: 2 }))
      subscribers.push(Object.assign(subscriber, { name, version }))
    }),
  )
  return {
    /** Everybody's next message is that of their version. */
    async expectAll(expected: (version: MqttVersion) => Message): Promise<void> {
      for (const subscriber of subscribers) {
        assert.deepEqual(await subscriber.next(), expected(subscriber.version), subscriber.name)
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}
