import { type Packet, ReasonCode } from '@busbar/protocol'
import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'
import { isExact, numberOf, payloadOf } from './payload.ts'

const messages = 5

/** In seconds: of the Sessions that outlive their connection. */
export const longestExpiry = 2

/** What came of one visit: messages, and how many of them were wrong. */
export interface Visit {
  readonly received: number
  readonly wrong: number
}

/**
 * A client under a name that nobody had before: it subscribes in every way, unsubscribes from a part
 * of it, sends itself messages of QoS 2, and goes, with or without a word.
 */
export async function passBy(url: string, number: number): Promise<Visit> {
  const topic = `passers-by/${number}`
  await using client = await RawClient.open(url)
  const properties = { sessionExpiryInterval: number % 3 === 0 ? longestExpiry : 0 }
  const payload = payloadOf(number, 50)
  const will = { topicName: 'passers-by/wills', payload, qos: 1, retain: false } as const
  await client.connect({
    clientIdentifier: `passer-by ${number}`,
    properties,
    will: number % 5 === 0 ? { ...will, properties: {} } : undefined,
  })
  await client.subscribe(topic, 2)
  await client.subscribe(`${topic}/+/state`, 1)
  await client.subscribe(`$share/passers-by/${topic}/jobs/#`, 1)
  await unsubscribe(client, `${topic}/+/state`)
  const visit = await talkToItself(client, topic)
  if (number % 2 === 0) await client.leave()
  return visit
}

async function unsubscribe(client: RawClient, topicFilter: string): Promise<void> {
  const topicFilters = [topicFilter]
  client.send({ type: 'unsubscribe', packetIdentifier: 9, properties: {}, topicFilters })
  await client.next('unsuback')
}

async function talkToItself(client: RawClient, topic: string): Promise<Visit> {
  let received = 0
  let wrong = 0
  let completed = 0
  client.onPacket = (packet) => {
    answer(client, packet)
    if (packet.type === 'pubcomp') completed++
    if (packet.type !== 'publish') return
    if (!isExact(packet.payload) || numberOf(packet.payload) !== received) wrong++
    received++
  }
  for (let number = 0; number < messages; number++) {
    client.publish(topic, payloadOf(number, 100), { qos: 2, packetIdentifier: number + 1 })
  }
  const isOver = () => received >= messages && completed >= messages
  for (let waits = 0; waits < 6_000 && !isOver(); waits++) await pause(5)
  return { received, wrong }
}

/** What the receiver and the sender of a message owe each other. */
export function answer(client: RawClient, packet: Packet): void {
  const reply = (type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetIdentifier: number) =>
    void client.send({ type, packetIdentifier, reasonCode: ReasonCode.Success, properties: {} })
  if (packet.type === 'publish' && packet.qos === 1) reply('puback', packet.packetIdentifier)
  if (packet.type === 'publish' && packet.qos === 2) reply('pubrec', packet.packetIdentifier)
  if (packet.type === 'pubrec') reply('pubrel', packet.packetIdentifier)
  if (packet.type === 'pubrel') reply('pubcomp', packet.packetIdentifier)
}

export const messagesOfAVisit = messages
