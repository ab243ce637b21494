/**
 * Why a message did not arrive. Whose Client Identifier is recorded: the publisher's where the
 * publisher was refused, otherwise the receiver's.
 */
export const lossCauses = {
  'queue-full':
    'The queue of the Session had no room left, in messages or in bytes, or memory was short.',
  expired: 'The Message Expiry Interval ended before the message could be sent.',
  'packet-too-large': 'The PUBLISH would exceed the Maximum Packet Size of the receiver.',
  'not-authorized': 'The access rules deny publishing it, or delivering it to this receiver.',
  'subscription-denied':
    'The access rules deny a subscription: one for each refusal, which is no message and in no total.',
  'offline-qos-0': 'The Session had no Network Connection, and QoS 0 is not queued.',
  'retained-full': 'There are as many retained messages as the limits allow, or as many bytes.',
  'session-ended': 'The Session ended with the message still in its queue.',
  'slow-reader': 'The receiver read too slowly, and a QoS 0 message is not kept for it.',
  'store-failed': 'The store could not keep the message.',
  'refused-by-hook': 'A hook of the program refused or dropped it, or failed while it decided.',
  'refused-by-client': 'The receiver answered the PUBLISH with a Reason Code of 0x80 or more.',
} as const

export type LossCause = keyof typeof lossCauses

/** How much was lost; bytes of the payloads, as far as they are known. */
export interface Amount {
  readonly messages: number
  readonly bytes: number
}

/** One entry in the ledger. */
export interface Loss extends Amount {
  readonly clientIdentifier: string
  readonly cause: LossCause
}

/** The losses of one client. */
export interface ClientLosses {
  /** Undefined for all other clients together: those that the ledger no longer tells apart. */
  readonly clientIdentifier: string | undefined
  readonly byCause: ReadonlyMap<LossCause, Amount>
}

/** What the ledger keeps at most for clients one by one. */
export interface LossesLimits {
  readonly clients: number
  /** Of all Client Identifiers together: a single one may have 65,535. */
  readonly identifierCharacters: number
}

const defaultLimits: LossesLimits = { clients: 10_000, identifierCharacters: 2 ** 22 }

class Account implements ClientLosses {
  readonly clientIdentifier: string | undefined
  readonly byCause = new Map<LossCause, { messages: number; bytes: number }>()
  touched = 0

  constructor(clientIdentifier: string | undefined) {
    this.clientIdentifier = clientIdentifier
  }

  add(cause: LossCause, messages: number, bytes: number): void {
    const amount = this.byCause.get(cause)
    if (amount === undefined) {
      this.byCause.set(cause, { messages, bytes })
      return
    }
    amount.messages += messages
    amount.bytes += bytes
  }
}

/**
 * The ledger of every message that was dropped, expired or denied, by client and cause. Bounded:
 * the clients least recently touched are folded into one account, and the totals stay exact.
 */
export class Losses {
  readonly #limits: LossesLimits
  readonly #clients = new Map<string, Account>()
  readonly #others = new Account(undefined)
  readonly #all = new Account(undefined)
  /** Is told of each entry, if there is anybody who wants to hear it. */
  heard: ((loss: Loss) => void) | undefined
  #identifierCharacters = 0
  #touches = 0
  /** Messages that found a queue full: as a plain number, for who asks often. */
  queueFull = 0

  constructor(limits: Partial<LossesLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits }
  }

  /** Enters lost messages of `bytes` in all. Cheap, because a flood of drops calls it for each. */
  record(clientIdentifier: string, cause: LossCause, bytes: number, messages = 1): void {
    this.#all.add(cause, messages, bytes)
    if (cause === 'queue-full') this.queueFull += messages
    const account = this.#clients.get(clientIdentifier) ?? this.#open(clientIdentifier)
    account.touched = ++this.#touches
    account.add(cause, messages, bytes)
    this.heard?.({ clientIdentifier, cause, messages, bytes })
  }

  /** What was lost since the start, of one cause or of all that are about messages. */
  total(cause?: LossCause): Amount {
    if (cause !== undefined) return { messages: 0, bytes: 0, ...this.#all.byCause.get(cause) }
    let messages = 0
    let bytes = 0
    for (const [each, amount] of this.#all.byCause) {
      if (each === 'subscription-denied') continue
      messages += amount.messages
      bytes += amount.bytes
    }
    return { messages, bytes }
  }

  /** Undefined for a client that lost nothing, or that is folded into the others. */
  ofClient(clientIdentifier: string): ClientLosses | undefined {
    return this.#clients.get(clientIdentifier)
  }

  /** Every client that lost something; the others together, if there are any, come last. */
  *byClient(): Iterable<ClientLosses> {
    yield* this.#clients.values()
    if (this.#others.byCause.size > 0) yield this.#others
  }

  #open(clientIdentifier: string): Account {
    const account = new Account(clientIdentifier)
    this.#identifierCharacters += clientIdentifier.length
    while (
      this.#clients.size > 0 &&
      (this.#clients.size >= this.#limits.clients ||
        this.#identifierCharacters > this.#limits.identifierCharacters)
    ) {
      this.#foldOldest()
    }
    this.#clients.set(clientIdentifier, account)
    return account
  }

  /** A tenth of the clients at once, so that a flood of new ones does not sort for each. */
  #foldOldest(): void {
    const stamps = Float64Array.from(this.#clients.values(), (account) => account.touched).sort()
    const limit = stamps[Math.floor((stamps.length - 1) / 10)] ?? 0
    for (const [clientIdentifier, account] of this.#clients) {
      if (account.touched > limit) continue
      this.#clients.delete(clientIdentifier)
      this.#identifierCharacters -= clientIdentifier.length
      for (const [cause, { messages, bytes }] of account.byCause) {
        this.#others.add(cause, messages, bytes)
      }
    }
  }
}
