import assert from 'node:assert/strict'
import type { BrokerUrls } from '../busbar.ts'
import { RawClient } from '../raw-client.ts'

/** One row of the list of attacks. */
export interface AttackCase {
  readonly number: number
  readonly name: string
  /** It starts a broker with settings of its own, so that no other one can be attacked with it. */
  readonly isOwn: boolean
  /** Rejects when the broker has given in. */
  readonly run: (target: BrokerUrls) => Promise<void>
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
