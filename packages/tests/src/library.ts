import type { BrokerUrls } from './busbar.ts'

export type MqttVersion = '3.1' | '3.1.1' | '5'
export type QoS = 0 | 1 | 2

/** What 5.0 adds to a message, as far as all libraries can send and show it. */
export interface MessageProperties {
  readonly payloadFormatIndicator?: 0 | 1
  readonly messageExpiryInterval?: number
  readonly contentType?: string
  readonly responseTopic?: string
  /** UTF-8 text here. */
  readonly correlationData?: string
  readonly userProperties?: readonly (readonly [name: string, value: string])[]
}

export interface Message {
  readonly topic: string
  /** UTF-8 text here; empty in a message that deletes a retained one. */
  readonly payload: string
  readonly qos: QoS
  readonly retain: boolean
  readonly properties?: MessageProperties
}

export interface SubscriberOptions {
  readonly version: MqttVersion
  readonly filter: string
  readonly qos: QoS
  readonly clientId?: string
  /** The Session is to outlive the connection, and is taken up if there is one. */
  readonly keepsSession?: boolean
  readonly will?: Message
}

/** A connected client with one subscription, in a process of its own or in ours. */
export interface Subscriber extends AsyncDisposable {
  /** The next message, without `properties` where it has none. */
  next(): Promise<Message>
  /** Ends the connection with DISCONNECT. */
  leave(): Promise<void>
  /** Ends the connection without DISCONNECT. */
  cut(): Promise<void>
}

/** An MQTT client library that somebody else wrote, seen from a test. */
export interface Library {
  readonly name: string
  readonly versions: readonly MqttVersion[]
  /** Why it cannot be used here. */
  readonly skip: string | false
  /** Where it leaves with Reason Code 0x04, which asks for its Will to be published. */
  readonly leavesWithWill?: readonly MqttVersion[]
  /** Resolves when SUBACK has come. */
  subscribe(broker: BrokerUrls, options: SubscriberOptions): Promise<Subscriber>
  /** Connects, sends, and leaves when everything is acknowledged. */
  publish(broker: BrokerUrls, version: MqttVersion, messages: readonly Message[]): Promise<void>
}
