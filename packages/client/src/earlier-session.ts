import type { Publish } from '@busbar/protocol'
import type { Connector } from './connector.ts'
import { ClientError } from './errors.ts'
import { Journal } from './journal.ts'
import type { Message } from './message.ts'
import { OutgoingMessage } from './outgoing-message.ts'
import type { Publisher } from './publisher.ts'
import type { SessionStore, StoredMessage } from './store/session-store.ts'

/**
 * Takes up what an earlier process has left: in the store, if there is one, and at the server, which
 * sends before the program had a chance to subscribe.
 */
export async function takeUp(connector: Connector, store: SessionStore | undefined): Promise<void> {
  const { session, options } = connector
  const { publisher, receiver } = session
  receiver.early = new EarlyMessages()
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
    for (const message of messages) restore(publisher, message)
    for (const packetIdentifier of held) receiver.inbound.restore(packetIdentifier)
  } catch (cause) {
    throw new ClientError('store-failed', 'the store cannot be read', { cause })
  }
}

function restore(publisher: Publisher, stored: StoredMessage): void {
  const { topicName, payload, qos, state, packetIdentifier, sequence } = stored
  const { outbox, outbound } = publisher
  const message = new OutgoingMessage(topicName, payload, stored)
  message.sequence = sequence
  message.isTold = true
  publisher.sequence = Math.max(publisher.sequence, sequence)
  outbox.restore(message)
  if (state === 'waiting' || qos === 0) {
    outbox.wait(message)
  } else {
    message.place = 'sent'
    outbound.restore({ packetIdentifier, qos, message, state })
  }
}

interface Early {
  readonly packet: Publish
  readonly message: Message
}

/** What comes for no subscription until one is made, or until that time is over. */
export class EarlyMessages {
  #waiting: Early[] = []
  #isOver = false

  /** False when nobody waits any more. */
  keep(packet: Publish, message: Message): boolean {
    if (!this.#isOver) this.#waiting.push({ packet, message })
    return !this.#isOver
  }

  /** Calls back with each; false for one that stays. */
  offer(take: (packet: Publish, message: Message) => boolean): void {
    this.#waiting = this.#waiting.filter(({ packet, message }) => !take(packet, message))
  }

  /** QoS 1 comes again, and QoS 2 is known to have come. */
  disconnected(): void {
    this.#waiting = this.#waiting.filter(({ packet }) => packet.qos === 2)
  }

  /** Nobody wants the rest: returns how many that are. */
  giveUp(): number {
    this.#isOver = true
    const waiting = this.#waiting
    this.#waiting = []
    for (const { message } of waiting) message.ack()
    return waiting.length
  }
}
