import type { Publish } from '@busbar/protocol'
import type { Connector } from './connector.ts'
import { ClientError } from './errors.ts'
import { Journal } from './journal.ts'
import type { Message } from './message.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { Session } from './session.ts'
import type { SessionStore, StoredMessage } from './store/session-store.ts'

/** How long a program has to subscribe again after it has taken up a Session. */
const unclaimedMs = 10_000

/**
 * Takes up what an earlier process has left: in the store, if there is one, and at the server, which
 * sends before the program had a chance to subscribe.
 */
export async function takeUp(connector: Connector, store: SessionStore | undefined): Promise<void> {
  const { session, options } = connector
  const { publisher, receiver } = session
  const early = new EarlyMessages(connector)
  receiver.early = early
  if (store === undefined) return
  if (options.clientId === undefined) {
    const text = 'a store needs a clientId: the Session is found by it'
    throw new ClientError('invalid-argument', text)
  }
  const journal = new Journal(store, (error) => connector.stop(error))
  publisher.journal = journal
  receiver.journal = journal
  try {
    const { messages, held } = await store.load()
    for (const message of messages) restore(session, message)
    early.held = held
  } catch (cause) {
    throw new ClientError('store-failed', 'the store cannot be read', { cause })
  }
}

function restore({ counts, publisher, unanswered }: Session, stored: StoredMessage): void {
  const { topicName, payload, qos, state, packetIdentifier, sequence } = stored
  const message = new OutgoingMessage(topicName, payload, stored)
  message.sequence = sequence
  message.isTold = true
  publisher.sequence = Math.max(publisher.sequence, sequence)
  counts.outboxMessages++
  counts.outboxBytes += message.size
  if (state === 'waiting' || qos === 0) return publisher.line(message)
  message.packetIdentifier = packetIdentifier
  message.isReleased = state === 'released'
  unanswered.set(packetIdentifier, message)
  unanswered.latest = packetIdentifier
}

interface Early {
  readonly packet: Publish
  readonly message: Message
}

/** What comes for no subscription until one is made, or until that time is over. */
export class EarlyMessages {
  /** Packet Identifiers of QoS 2 that the store knows, between PUBLISH and PUBREL. */
  held: readonly number[] = []
  readonly #client: Connector
  #waiting: Early[] = []
  #timer: unknown
  #isOver = false

  constructor(client: Connector) {
    this.#client = client
    client.session.subscriber.added = () => this.#offer()
  }

  /** False when nobody waits any more. */
  keep(packet: Publish, message: Message): boolean {
    if (!this.#isOver) this.#waiting.push({ packet, message })
    return !this.#isOver
  }

  /** Once: later there has been time to subscribe. */
  connected(): void {
    this.#timer ??= this.#client.clock.set(() => this.#giveUp(), unclaimedMs)
  }

  /** QoS 1 comes again, and QoS 2 is known to have come. */
  disconnected(): void {
    this.#waiting = this.#waiting.filter(({ packet }) => packet.qos === 2)
  }

  /** The end. */
  close(): void {
    this.#client.clock.clear(this.#timer)
  }

  /** There is a new subscription. */
  #offer(): void {
    const { upkeep } = this.#client.session
    this.#waiting = this.#waiting.filter(({ packet, message }) => {
      const [target] = upkeep?.targets(packet) ?? []
      target?.push(message)
      return target === undefined
    })
  }

  /** Nobody wants the rest. */
  #giveUp(): void {
    this.#isOver = true
    for (const { message } of this.#waiting.splice(0)) {
      this.#client.session.counts.unclaimed++
      message.ack()
    }
  }
}
