import { connect, type Message as Received, type Subscription } from '@busbar/client'
import type { BrokerUrls } from './busbar.ts'
import { within } from './deadline.ts'
import type { Library, Message, MessageProperties, MqttVersion } from './library.ts'

/** Our own client, over TCP or WebSocket. */
export function busbarLibrary(transport: keyof BrokerUrls): Library {
  return {
    name: `Busbar's client over ${transport === 'tcp' ? 'TCP' : 'WebSocket'}`,
    versions: ['3.1.1', '5'],
    skip: false,

    async subscribe(broker, { version, filter, qos, clientId, keepsSession, will }) {
      const abort = new AbortController()
      const client = await connect(broker[transport], {
        version: versionOf(version),
        ...(clientId === undefined ? {} : { clientId }),
        session: { expirySeconds: keepsSession ? 600 : 0, cleanStart: keepsSession !== true },
        ...(will === undefined ? {} : { will: willOf(will) }),
        signal: abort.signal,
      })
      const subscription = await client.subscribe(filter, { qos })
      const acknowledged = acknowledging(subscription)
      return {
        next: () => within(acknowledged(), 'a message'),
        leave: async () => void (await within(client.close(), 'the end of a client')),
        cut: async () => abort.abort(),
        [Symbol.asyncDispose]: async () => void (await within(client.close(), 'the end')),
      }
    },

    async publish(broker, version, messages) {
      await using client = await connect(broker[transport], { version: versionOf(version) })
      for (const { topic, payload, qos, retain, properties } of messages) {
        const options = { qos, retain, ...(properties && { properties: toOurs(properties) }) }
        await within(client.publish(topic, payload, options), 'an acknowledgement')
      }
    },
  }
}

function willOf({ topic, payload, qos, retain }: Message) {
  return { topic, payload, qos, retain }
}

function versionOf(version: MqttVersion): 4 | 5 {
  return version === '5' ? 5 : 4
}

/** Takes one message after the other, each acknowledged as it is taken. */
function acknowledging(subscription: Subscription): () => Promise<Message> {
  return async () => {
    const { value } = await subscription.next()
    if (value === undefined) throw new Error('the subscription has ended')
    value.ack()
    return messageOf(value)
  }
}

function toOurs({ correlationData, ...same }: MessageProperties) {
  if (correlationData === undefined) return same
  return { ...same, correlationData: new TextEncoder().encode(correlationData) }
}

function messageOf(message: Received): Message {
  const { topicName: topic, qos, retain, properties } = message
  const { subscriptionIdentifiers: _, correlationData, topicAlias: __, ...same } = properties
  const data = correlationData && { correlationData: new TextDecoder().decode(correlationData) }
  const described = { ...same, ...data }
  const plain = { topic, payload: message.text(), qos, retain }
  return Object.keys(described).length === 0 ? plain : { ...plain, properties: described }
}
