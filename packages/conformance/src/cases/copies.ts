import type { Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import type { Received } from '../received.ts'

/** The messages that come within a second of the first, each acknowledged. */
export async function copies(t: Trial, peer: ConnectedPeer): Promise<readonly Received[]> {
  const first = await peer.message()
  await t.delay(1_000)
  const more = peer.waiting.filter(({ type }) => type === 'publish').length
  return [first, ...(await peer.take(more))]
}

/** The Subscription Identifiers of each copy, ordered so that they can be compared. */
export function identifiersOf(messages: readonly Received[]): readonly (readonly number[])[] {
  return messages
    .map((message) => message.properties('subscriptionIdentifier').toSorted((a, b) => a - b))
    .toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0))
}
