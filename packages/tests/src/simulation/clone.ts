import type { Change, QueueEntry, Recovered } from '@busbar/broker/testing'

type Message = QueueEntry['message']

/** Deep copies, as a disk makes them: nothing is shared between what was written and what is read. */
export function cloneChange(change: Change, message = cloneMessage): Change {
  switch (change.kind) {
    case 'queued':
      return { ...change, entry: cloneEntry(change.entry, message) }
    case 'retained':
      return { ...change, message: message(change.message) }
    case 'session':
    case 'subscription':
      return structuredClone(change)
    default:
      return { ...change }
  }
}

/** A batch; a message that is in several queues is copied once. */
export function cloneBatch(changes: readonly Change[]): readonly Change[] {
  const copies = new Map<Message, Message>()
  const message = (original: Message) => {
    let copy = copies.get(original)
    if (copy === undefined) {
      copy = cloneMessage(original)
      copies.set(original, copy)
    }
    return copy
  }
  return changes.map((change) => cloneChange(change, message))
}

export function cloneEntry(entry: QueueEntry, message = cloneMessage): QueueEntry {
  return {
    ...entry,
    message: message(entry.message),
    subscriptionIdentifiers: [...entry.subscriptionIdentifiers],
  }
}

export function cloneRecovered(recovered: Recovered): Recovered {
  return {
    lastPosition: recovered.lastPosition,
    retained: recovered.retained.map(cloneMessage),
    sessions: recovered.sessions.map((session) => ({
      session: structuredClone(session.session),
      subscriptions: structuredClone(session.subscriptions),
      inFlight: session.inFlight.map((entry) => cloneEntry(entry)),
      queuedCount: session.queuedCount,
      queuedBytes: session.queuedBytes,
      received: [...session.received],
    })),
  }
}

function cloneMessage(message: Message): Message {
  return {
    ...message,
    payload: message.payload.slice(),
    properties: { ...message.properties },
  }
}
