import type { Clock } from './clock.ts'
import type { Subscription } from './subscription.ts'

/** How long a reader of QoS 0 has to make room before its oldest messages go. */
const patienceMs = 20

/** A subscription has no room for more of QoS 0. */
export function awaitRoom(subscription: Subscription, clock: Clock): void {
  if (!subscription.isFull) return
  subscription.timer = clock.set(() => dropOldest(subscription), patienceMs)
}

/** Nobody has made room in time. */
function dropOldest(subscription: Subscription): void {
  const { messages, bufferSize } = subscription
  let excess = messages.size - Math.ceil(bufferSize / 2)
  const kept = messages.rest().filter(({ qos }) => qos > 0 || excess-- <= 0)
  subscription.dropped += messages.size - kept.length
  messages.replace(kept)
  subscription.setFull(false)
}
