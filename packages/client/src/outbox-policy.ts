import { ClientError } from './errors.ts'
import type { OutboxOptions } from './options.ts'
import { type OutgoingMessage, type PublishResult, plainResult } from './outgoing-message.ts'
import { earlier, full, type Publisher } from './publisher.ts'

const dropped = plainResult('dropped')

/** A message that the outbox has no room for, where its caller is not to wait. */
export function overflow(
  publisher: Publisher,
  message: OutgoingMessage,
  whenFull: OutboxOptions['whenFull'],
): void {
  if (whenFull === 'reject') return message.tell(full())
  while (!publisher.hasRoom(message)) {
    // Only what was not sent can be dropped: the rest belongs to the Session.
    const oldest = earlier(publisher.waiting.first, publisher.waitingQoS0.first)
    if (oldest === undefined) return message.tell(full())
    publisher.withdraw(oldest)
    publisher.counts.dropped++
    oldest.tell(new ClientError('dropped', 'dropped from a full outbox for a newer message'))
  }
  publisher.enter(message)
}

/** What becomes of QoS 0 without a connection; undefined for what is kept. */
export function offlineOutcome(
  publisher: Publisher,
  qos0WhileOffline: OutboxOptions['qos0WhileOffline'],
): PublishResult | undefined {
  if (qos0WhileOffline === 'keep') return undefined
  publisher.counts.dropped++
  return dropped
}
