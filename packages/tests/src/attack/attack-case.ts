import assert from 'node:assert/strict'
import type { BrokerUrls } from '../busbar.ts'
import { RawClient } from '../raw-client.ts'
import type { Rig } from './rig.ts'

/** One row of the list of attacks. */
export interface AttackCase {
  readonly number: number
  readonly name: string
  /** Why it can be tried on Busbar only; undefined where any broker will do. */
  readonly own?: string
  /** It has users and rules of its own: the broker is started with them. */
  readonly hasRules?: boolean
  /** Over WebSocket. */
  readonly needsWebSocket?: boolean
  /** Rejects when the broker has given in. */
  readonly run: (ground: Ground) => Promise<void>
}

/** Where attacks are tried: a broker that runs, and a way to start one with users and rules. */
export interface Ground extends BrokerUrls {
  readonly rig: Rig
}

/** A publisher and a subscriber who have nothing to do with what goes on are served as ever. */
export async function checkOthers({ tcp }: BrokerUrls): Promise<void> {
  await using subscriber = await RawClient.open(tcp)
  await using publisher = await RawClient.open(tcp)
  await subscriber.connect({ clientIdentifier: 'bystander 1' })
  await publisher.connect({ clientIdentifier: 'bystander 2' })
  await subscriber.subscribe('bystanders/talk', 1)
  publisher.publish('bystanders/talk', 'hello', { qos: 1, packetIdentifier: 1 })
  assert.ok((await publisher.next('puback')).reasonCode < 0x80)
  const { payload } = await subscriber.next('publish')
  assert.equal(Buffer.from(payload).toString(), 'hello')
  for (const client of [publisher, subscriber]) await client.leave()
}
