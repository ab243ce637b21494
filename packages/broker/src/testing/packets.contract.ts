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

/** A PUBLISH, with the Packet Identifier 7 where its QoS wants one. */
export function publish(topicName: string, fields: Partial<Publish> = {}): Publish {
  const packetIdentifier = (fields.qos ?? 0) === 0 ? 0 : 7
  return {
    ...{ type: 'publish', dup: false, qos: 0, retain: false, topicName, packetIdentifier },
    ...{ properties: {}, payload: bytes('x') },
    ...fields,
  }
}
