import { code, type Operation, states } from './group.ts'
import type { Change, StoredSession } from './store.ts'

/**
 * Turns changes into operations of the store, which knows Sessions by number. Numbers are never
 * given twice, so what comes late for a Session that has ended cannot reach its successor.
 */
export class Operations {
  readonly #numbers = new Map<string, number>()
  #lastNumber: number
  #lastPosition: number

  constructor(
    sessions: Iterable<readonly [number: number, clientIdentifier: string, ...rest: unknown[]]>,
    { lastSession, lastPosition }: { lastSession: number; lastPosition: number },
  ) {
    for (const [number, clientIdentifier] of sessions) this.#numbers.set(clientIdentifier, number)
    this.#lastNumber = lastSession
    this.#lastPosition = lastPosition
  }

  /** The highest position that was queued. */
  get lastPosition(): number {
    return this.#lastPosition
  }

  numberOf(clientIdentifier: string): number | undefined {
    return this.#numbers.get(clientIdentifier)
  }

  /** Takes changes down as they are now; one that refers to no Session is without effect. */
  take(changes: readonly Change[]): Operation[] {
    const operations: Operation[] = []
    for (const change of changes) {
      const taken = this.#take(change)
      if (taken !== undefined) operations.push(taken)
    }
    return operations
  }

  /** Puts the numbers back as they were before operations that could not be stored. */
  undo(operations: readonly Operation[]): void {
    for (const { code: of, session, body, state } of operations.toReversed()) {
      if (of === code.session && state === 1) {
        const { clientIdentifier } = body as StoredSession
        if (this.#numbers.get(clientIdentifier) === session) this.#numbers.delete(clientIdentifier)
      } else if (of === code.sessionEnd && !this.#numbers.has(body as string)) {
        this.#numbers.set(body as string, session)
      }
    }
  }

  #take(change: Change): Operation | undefined {
    if (change.kind === 'session') return this.#takeSession(change.session)
    if (change.kind === 'retained') return operation(code.retained, 0, 0, change.message)
    if (change.kind === 'retained-end') {
      return operation(code.retainedEnd, 0, 0, change.topicName)
    }
    const session = this.#numbers.get(change.clientIdentifier)
    if (session === undefined) return undefined
    if (change.kind === 'session-end') this.#numbers.delete(change.clientIdentifier)
    if (change.kind === 'queued' && change.entry.position > this.#lastPosition) {
      this.#lastPosition = change.entry.position
    }
    return ofSession(session, change)
  }

  #takeSession(session: StoredSession): Operation {
    const known = this.#numbers.get(session.clientIdentifier)
    const number = known ?? ++this.#lastNumber
    if (known === undefined) this.#numbers.set(session.clientIdentifier, number)
    return operation(code.session, number, 0, session, known === undefined ? 1 : 0)
  }
}

function operation(
  of: Operation['code'],
  session: number,
  position: number,
  body?: Operation['body'],
  state = 0,
  packetIdentifier = 0,
): Operation {
  return {
    code: of,
    session,
    position,
    packetIdentifier,
    state,
    body,
    isNeeded: true,
    lastState: state,
    lastPacketIdentifier: packetIdentifier,
  }
}

type OfSession = Exclude<Change, { kind: 'session' | 'retained' | 'retained-end' }>

function ofSession(session: number, change: OfSession): Operation {
  switch (change.kind) {
    case 'session-end':
      return operation(code.sessionEnd, session, 0, change.clientIdentifier)
    case 'subscription':
      return operation(code.subscription, session, 0, change.subscription)
    case 'subscription-end':
      return operation(code.subscriptionEnd, session, 0, change.text)
    case 'queued': {
      const { entry } = change
      const state = states.indexOf(entry.state)
      return operation(code.queued, session, entry.position, entry, state, entry.packetIdentifier)
    }
    case 'sent':
      return operation(code.sent, session, change.position, undefined, 0, change.packetIdentifier)
    case 'released':
      return operation(code.released, session, change.position)
    case 'done':
      return operation(code.done, session, change.position)
    case 'received':
      return operation(code.received, session, change.packetIdentifier)
    case 'forgotten':
      return operation(code.forgotten, session, change.packetIdentifier)
  }
}
