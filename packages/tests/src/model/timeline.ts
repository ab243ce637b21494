import {
  firstFailure,
  parseSubscriptionFilter,
  type QoS,
  type SubscriptionFilter,
} from '@busbar/protocol'
import type { ClientLog, LogEvent, LoggedWill } from './log.ts'
import { type MessageName, publisherOf, sequenceOf } from './payload.ts'

type Of<E extends LogEvent['event']> = Extract<LogEvent, { event: E }>

/** What happened besides what the clients saw. Times are those of the logs. */
export interface Facts {
  /** When the broker died. */
  readonly crashes?: readonly number[]
  /** How far the wall clock was set forward. */
  readonly wallJumps?: readonly { readonly at: number; readonly ms: number }[]
  /** How many messages of QoS 1 and 2 the broker says it has dropped, by client. */
  readonly ledger?: ReadonlyMap<string, number>
  /**
   * The broker could not store some messages for lack of room. A publisher that has not heard of
   * that sends them again, behind later ones that found room.
   */
  readonly hadNoRoom?: boolean
  /** What was retained at the end, by topic; not known when left out. */
  readonly retained?: ReadonlyMap<string, MessageName>
}

/** One message, from all logs. */
export interface SentMessage {
  readonly name: MessageName
  readonly publisher: string
  readonly sequence: number
  readonly topicName: string
  readonly qos: QoS
  readonly retain: boolean
  readonly isEmpty: boolean
  readonly expires: boolean
  /** When it may have come to the broker first. */
  readonly sentAt: number
  /** A Will, and the number of the connection that it belongs to. */
  readonly will: WillFate | undefined
  acked: { readonly at: number; readonly code: number } | undefined
  /** Its publisher has sent it more than once. */
  isRepeated: boolean
}

export interface WillFate {
  /** The broker has taken a DISCONNECT that drops it. */
  isDropped: boolean
}

/** A subscription between its SUBACK and the UNSUBSCRIBE. */
export interface Subscription {
  readonly filter: SubscriptionFilter
  readonly qos: number
  readonly from: number
  until: number
}

/** A filter of a Session, with the lowest QoS that was asked for. */
export interface AskedFilter {
  readonly filter: SubscriptionFilter
  qos: number
  highestQoS: number
  /** Between UNSUBACK and the next SUBSCRIBE. */
  readonly absences: { readonly from: number; until: number }[]
}

/** One Session of one client, as far as the client can know. */
export interface Span {
  readonly clientIdentifier: string
  readonly number: number
  readonly from: number
  /** The earliest time at which it may have ended; Infinity: it is there at the end of the run. */
  until: number
  /** It outlives its connection. */
  isPersistent: boolean
  readonly subscriptions: Subscription[]
  /** Every filter that was asked for in it. */
  readonly asked: Map<string, AskedFilter>
  readonly received: Of<'received'>[]
}

/** A Session that the broker has kept or lost against its word. */
export interface SessionFault {
  readonly clientIdentifier: string
  readonly at: number
  readonly text: string
}

export interface Timeline {
  readonly messages: ReadonlyMap<MessageName, SentMessage>
  readonly spans: readonly Span[]
  readonly sessionFaults: readonly SessionFault[]
}

/** The broker's deadlines are met within one tick, and a CONNECT takes its time. */
const slackMs = 1_000

/** Reads the logs of all clients as messages and Sessions. */
export function readTimeline(logs: readonly ClientLog[], facts: Facts): Timeline {
  const messages = new Map<MessageName, SentMessage>()
  const readers = logs.map((log) => new ClientReader(log, facts, messages))
  for (const reader of readers) reader.read()
  return {
    messages,
    spans: readers.flatMap(({ spans }) => spans),
    sessionFaults: readers.flatMap(({ faults }) => faults),
  }
}

/** Follows one client through its log. */
class ClientReader {
  readonly spans: Span[] = []
  readonly faults: SessionFault[] = []
  readonly #log: ClientLog
  readonly #facts: Facts
  readonly #messages: Map<MessageName, SentMessage>
  #span: Span | undefined
  /** A Session may be at the broker. */
  #mayExist = false
  /** Until then the broker has to keep the Session; Infinity while connected. */
  #keptUntil = Number.POSITIVE_INFINITY
  /** From then on it must be gone. */
  #goneFrom = Number.POSITIVE_INFINITY
  #disconnectedAt = 0
  #aliveAt = 0
  #connecting: Of<'connecting'> | undefined
  /** No CONNACK has come for it: the broker may have acted on it or not. */
  #isUncertain = false
  #isConnected = false
  #expirySeconds = 0
  /** SUBSCRIBEs without SUBACK, by filter; `isVoid`: it was undone before. */
  readonly #pending = new Map<string, { isVoid: boolean }[]>()
  #leaving: Of<'leaving'> | undefined
  #will: WillFate | undefined

  constructor(log: ClientLog, facts: Facts, messages: Map<MessageName, SentMessage>) {
    this.#log = log
    this.#facts = facts
    this.#messages = messages
  }

  read(): void {
    for (const event of this.#log.events) this.#follow(event)
    if (!this.#isConnected) this.#end(this.#disconnectedAt)
  }

  #follow(event: LogEvent): void {
    switch (event.event) {
      case 'connecting':
        return this.#startConnecting(event)
      case 'connected':
        return this.#connected(event)
      case 'leaving':
        this.#leaving = event
        if (event.expirySeconds === 0) this.#end(event.at)
        return
      case 'disconnected':
        return this.#disconnected(event)
      case 'subscribing':
        return this.#ask(event)
      case 'subscribed':
        return this.#subscribed(event)
      case 'unsubscribing':
        return this.#endSubscriptions(event.filter, event.at)
      case 'unsubscribed':
        return this.#unsubscribed(event)
      case 'sent':
        return this.#sent(event)
      case 'acked': {
        const message = this.#messages.get(event.message)
        if (message !== undefined) message.acked ??= { at: event.at, code: event.code }
        return
      }
      case 'received':
        this.#span?.received.push(event)
        return
      default:
    }
  }

  #startConnecting(event: Of<'connecting'>): void {
    if (this.#isUncertain) this.#doubt(this.#connecting as Of<'connecting'>)
    this.#connecting = event
    this.#isUncertain = true
    this.#leaving = undefined
    this.#will = event.will && this.#addWill(event.will, event.at)
    if (event.cleanStart) this.#end(event.at)
  }

  /** The broker may have acted on a CONNECT that it has not answered. */
  #doubt({ at, expirySeconds }: Of<'connecting'>): void {
    if (expirySeconds > 0) {
      this.#mayExist = true
      this.#goneFrom = Number.POSITIVE_INFINITY
    }
    if (expirySeconds === 0) this.#end(at)
    // Where the Session had ended, this one has begun another.
    if (at >= this.#keptUntil) this.#end(this.#keptUntil)
    if (expirySeconds >= this.#expirySeconds) return
    this.#keptUntil = Math.min(this.#keptUntil, at + expirySeconds * 1_000)
  }

  #connected({ at, sessionPresent, expirySeconds }: Of<'connected'>): void {
    const isClean = this.#connecting?.cleanStart === true
    if (sessionPresent && !this.#exists(this.#connecting?.at ?? at)) {
      this.#fault(at, 'Session Present is 1 for a Session that has ended')
    }
    if (!sessionPresent && !isClean && this.#isKept(at)) {
      this.#fault(at, 'Session Present is 0 for a Session that has to be kept')
      this.#lose(at)
    }
    const isNew = this.#span === undefined || this.#span.until !== Number.POSITIVE_INFINITY
    if (!sessionPresent || isNew) this.#begin(at, sessionPresent)
    const span = this.#span as Span
    span.isPersistent ||= expirySeconds > 0
    this.#expirySeconds = expirySeconds
    this.#mayExist = expirySeconds > 0
    this.#goneFrom = Number.POSITIVE_INFINITY
    this.#keptUntil = Number.POSITIVE_INFINITY
    this.#isConnected = true
    this.#isUncertain = false
  }

  /** The broker has lost a Session: what it had promised it until then stays promised. */
  #lose(at: number): void {
    for (const { filter } of this.#span?.subscriptions ?? []) {
      this.#endSubscriptions(filter.text, at)
    }
    this.#span = undefined
  }

  /** A Session begins; one that is present although it may have ended keeps what was asked for. */
  #begin(at: number, sessionPresent: boolean): void {
    this.#end(Math.min(at, this.#keptUntil))
    const asked = sessionPresent && this.#span !== undefined ? this.#span.asked : new Map()
    this.#span = {
      clientIdentifier: this.#log.clientIdentifier,
      number: this.spans.length,
      from: at,
      until: Number.POSITIVE_INFINITY,
      isPersistent: false,
      subscriptions: [],
      asked: new Map(asked),
      received: [],
    }
    this.spans.push(this.#span)
  }

  #disconnected({ at, isOrderly, aliveAt, code }: Of<'disconnected'>): void {
    const isClean = isOrderly && this.#leaving !== undefined && code === undefined
    if (isClean && this.#leaving?.code === 0 && this.#will !== undefined) {
      this.#will.isDropped = true
    }
    this.#pending.clear()
    if (!this.#isConnected) return
    this.#isConnected = false
    this.#disconnectedAt = at
    const leavingSeconds = this.#leaving?.expirySeconds ?? this.#expirySeconds
    const seconds = Math.min(this.#expirySeconds, leavingSeconds)
    this.#aliveAt = isClean ? (this.#leaving?.at ?? aliveAt) : aliveAt
    this.#keptUntil = this.#aliveAt + seconds * 1_000
    if (seconds === 0) this.#end(this.#aliveAt)
    if (!isClean) return
    if (leavingSeconds === 0) this.#mayExist = false
    this.#goneFrom = at + leavingSeconds * 1_000 + slackMs
  }

  /** The broker may have a Session at `at`. */
  #exists(at: number): boolean {
    const { crashes = [] } = this.#facts
    // At a restart an interval may begin anew.
    const isRestarted = crashes.some((crash) => crash >= this.#aliveAt && crash <= at)
    return this.#mayExist && (at < this.#goneFrom || isRestarted)
  }

  /** The broker must have the Session at `at`. */
  #isKept(at: number): boolean {
    if (this.#span === undefined || this.#span.until !== Number.POSITIVE_INFINITY) return false
    if (!this.#span.isPersistent) return false
    const { crashes = [], wallJumps = [] } = this.#facts
    const isSince = (time: number) => time >= this.#aliveAt
    // A restart cannot tell a clock that was set forward from time that has passed.
    const jumped = crashes.some((crash) => isSince(crash) && crash <= at)
      ? wallJumps.reduce((sum, { at: when, ms }) => sum + (isSince(when) ? Math.max(0, ms) : 0), 0)
      : 0
    return at + jumped < this.#keptUntil
  }

  #end(at: number): void {
    if (this.#span !== undefined) this.#span.until = Math.min(this.#span.until, at)
  }

  #ask({ filter, qos, at }: Of<'subscribing'>): void {
    const parsed = parseSubscriptionFilter(filter)
    const earlier = this.#span?.asked.get(filter)
    if (earlier === undefined) {
      this.#span?.asked.set(filter, { filter: parsed, qos, highestQoS: qos, absences: [] })
    } else {
      earlier.highestQoS = Math.max(earlier.highestQoS, qos)
      earlier.qos = Math.min(earlier.qos, qos)
      const absence = earlier.absences.at(-1)
      if (absence !== undefined) absence.until = Math.min(absence.until, at)
    }
    // The broker may go over to it at any time from now.
    if (qos === 0) this.#endSubscriptions(filter, at)
    const pending = this.#pending.get(filter)
    if (pending === undefined) this.#pending.set(filter, [{ isVoid: false }])
    else pending.push({ isVoid: false })
  }

  #subscribed({ filter, code, at }: Of<'subscribed'>): void {
    const isVoid = this.#pending.get(filter)?.shift()?.isVoid
    if (code > 2 || isVoid === true) return this.#endSubscriptions(filter, at)
    const until = Number.POSITIVE_INFINITY
    const subscription = { filter: parseSubscriptionFilter(filter), qos: code, from: at, until }
    this.#span?.subscriptions.push(subscription)
  }

  #unsubscribed({ filter, code, at }: Of<'unsubscribed'>): void {
    // A SUBSCRIBE that was sent after the UNSUBSCRIBE counts, also when another UNSUBSCRIBE follows.
    const mayBeBack = (this.#pending.get(filter)?.length ?? 0) > 0
    if (code >= firstFailure || mayBeBack) return
    const absences = this.#span?.asked.get(filter)?.absences
    if (absences?.at(-1)?.until === Number.POSITIVE_INFINITY) return // given up twice
    absences?.push({ from: at, until: Number.POSITIVE_INFINITY })
  }

  #endSubscriptions(filter: string, at: number): void {
    for (const pending of this.#pending.get(filter) ?? []) pending.isVoid = true
    for (const subscription of this.#span?.subscriptions ?? []) {
      if (subscription.filter.text === filter) {
        subscription.until = Math.min(subscription.until, at)
      }
    }
  }

  #sent(event: Of<'sent'>): void {
    const { message: name, topicName, qos, retain, at } = event
    const known = this.#messages.get(name)
    if (known !== undefined) {
      known.isRepeated = true
      return
    }
    const isEmpty = event.isEmpty === true
    this.#add({ name, topicName, qos, retain, isEmpty, expires: event.expires === true }, at)
  }

  #addWill({ message: name, topicName, qos, retain }: LoggedWill, at: number): WillFate {
    const will = { isDropped: false }
    this.#add({ name, topicName, qos, retain, isEmpty: false, expires: false }, at, will)
    return will
  }

  #add(
    message: Pick<SentMessage, 'name' | 'topicName' | 'qos' | 'retain' | 'isEmpty' | 'expires'>,
    sentAt: number,
    will?: WillFate,
  ): void {
    const { name } = message
    const [publisher, sequence] = [publisherOf(name), sequenceOf(name)]
    const yet = { acked: undefined, isRepeated: false }
    this.#messages.set(name, { ...message, publisher, sequence, sentAt, will, ...yet })
  }

  #fault(at: number, text: string): void {
    this.faults.push({ clientIdentifier: this.#log.clientIdentifier, at, text })
  }
}
