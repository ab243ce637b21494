import type { QoS } from '@busbar/protocol'
import type { MessageName } from './payload.ts'

/** A Will that a client handed over with its CONNECT. */
export interface LoggedWill {
  readonly message: MessageName
  readonly topicName: string
  readonly qos: QoS
  readonly retain: boolean
}

/**
 * One thing that a client did or saw. `at` is in milliseconds of one steady clock for all clients of
 * a run, and events of one client are in their order.
 */
export type LogEvent = { readonly at: number } & (
  | {
      /** CONNECT was sent. */
      readonly event: 'connecting'
      readonly cleanStart: boolean
      /** What was asked for; in 3.1.1 what the broker is known to grant. */
      readonly expirySeconds: number
      readonly will?: LoggedWill
    }
  | {
      /** CONNACK with success. */
      readonly event: 'connected'
      readonly sessionPresent: boolean
      /** What was granted. */
      readonly expirySeconds: number
    }
  /** CONNACK with a failure. */
  | { readonly event: 'refused'; readonly code: number }
  | {
      /** DISCONNECT was sent. */
      readonly event: 'leaving'
      readonly code: number
      readonly expirySeconds: number
    }
  | {
      /** The Network Connection has ended, for the client. */
      readonly event: 'disconnected'
      /** The broker closed it in order: with all it had to say before. */
      readonly isOrderly: boolean
      /** Until then the broker had the connection for certain; it may have lost it any time after. */
      readonly aliveAt: number
      /** Of the broker's DISCONNECT, if one came. */
      readonly code?: number
    }
  | { readonly event: 'subscribing'; readonly filter: string; readonly qos: QoS }
  /** SUBACK. */
  | { readonly event: 'subscribed'; readonly filter: string; readonly code: number }
  | { readonly event: 'unsubscribing'; readonly filter: string }
  /** UNSUBACK. */
  | { readonly event: 'unsubscribed'; readonly filter: string; readonly code: number }
  | {
      readonly event: 'sent'
      readonly message: MessageName
      readonly topicName: string
      readonly qos: QoS
      readonly retain: boolean
      readonly dup: boolean
      readonly packetIdentifier: number
      /** Empty payload: deletes what is retained. */
      readonly isEmpty?: true
      /** It has a Message Expiry Interval, so nobody is promised it. */
      readonly expires?: true
    }
  /** PUBACK or PUBREC; the code is 0 in 3.1.1. */
  | { readonly event: 'acked'; readonly message: MessageName; readonly code: number }
  | {
      /** Handed to the application: a QoS 2 message that is repeated is not. */
      readonly event: 'received'
      readonly message: MessageName
      readonly topicName: string
      readonly qos: QoS
      readonly retain: boolean
      readonly dup: boolean
      readonly packetIdentifier: number
    }
  /** The broker broke the protocol, or changed a payload. */
  | { readonly event: 'fault'; readonly text: string }
)

/** Everything one client did and saw. */
export interface ClientLog {
  readonly clientIdentifier: string
  readonly events: readonly LogEvent[]
}

/** One line of a log file. A log may be written line by line while it grows. */
export function writeLogLine(clientIdentifier: string, event: LogEvent): string {
  return `${JSON.stringify({ client: clientIdentifier, ...event })}\n`
}

/** The logs of all clients in one or several files; what a killed process left unfinished is left out. */
export function readLogs(...files: readonly string[]): readonly ClientLog[] {
  const byClient = new Map<string, LogEvent[]>()
  for (const text of files) {
    for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
      if (line === '') continue
      const { client, ...event } = JSON.parse(line) as LogEvent & { client: string }
      const events = byClient.get(client)
      if (events === undefined) byClient.set(client, [event as LogEvent])
      else events.push(event as LogEvent)
    }
  }
  return [...byClient].map(([clientIdentifier, events]) => ({ clientIdentifier, events }))
}
