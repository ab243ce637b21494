import type { Publish, QoS, Subscribe } from '@busbar/protocol'

export const bytes = (text: string) => new TextEncoder().encode(text)

/** A SUBSCRIBE of one filter, at QoS 2 where nothing is said. */
export function subscribe(
  topicFilter: string,
  qos: QoS = 2,
  properties: Subscribe['properties'] = {},
): Subscribe {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  return { type: 'subscribe', packetIdentifier: 1, properties, subscriptions }
}

/** A PUBLISH with the Packet Identifier 9 where its QoS wants one. */
export function publish(topicName: string, qos: QoS = 0, more: Partial<Publish> = {}): Publish {
  return {
    ...{ type: 'publish', dup: false, qos, retain: false, topicName },
    ...{ packetIdentifier: qos === 0 ? 0 : 9, properties: {}, payload: bytes('x') },
    ...more,
  }
}
