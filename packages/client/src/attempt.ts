import {
  type AuthProperties,
  type Connack,
  type Disconnect,
  noProperties,
  type Packet,
  type PacketReader,
  type ProtocolError,
  protocolError,
  ReasonCode,
} from '@busbar/protocol'
import { parts } from '#platform'
import type { Authenticator } from './authenticator.ts'
import type { Clock } from './clock.ts'
import { type ConnectFields, connectPacket, defaultMaximumPacketSize } from './connect-packet.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import { deferred } from './deferred.ts'
import type { Destination } from './destination.ts'
import { ClientError } from './errors.ts'
import { negotiate } from './negotiate.ts'
import type { OlderVersion } from './older-version.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import type { Session } from './session.ts'

export interface AttemptOptions {
  readonly options: ClientOptions
  readonly clock: Clock
  /** Where the version is 3.1.1. */
  readonly older: OlderVersion | undefined
  readonly clientId: string
  readonly cleanStart: boolean
  readonly attempt: number
  readonly credentials: NonNullable<ClientOptions['credentials']>
  readonly session: Session
  readonly destination: Destination
  /** CONNACK has come, and the Session may go on. */
  connected(connection: Connection, negotiated: Negotiated): void
}

/** What has ended an attempt. */
export type End =
  | { readonly error: unknown }
  | { readonly refusal: Connack; readonly reasonCode: number }
  | { readonly disconnect: Disconnect }

/** How long a closing connection may take to send what is left. */
const closeGraceMs = 2_000
const defaultConnectTimeoutMs = 30_000

/** One Network Connection from the first thought of it to its end. */
export class Attempt implements ConnectionEvents {
  readonly #at: AttemptOptions
  readonly #version: 4 | 5
  readonly #abort = new AbortController()
  readonly #closed = deferred<void>()
  readonly #ended = deferred<End | undefined>()
  /** Where there is an Authentication Method. */
  authenticator: Authenticator | undefined
  connection: Connection | undefined
  #state: 'opening' | 'connected' | 'ended' = 'opening'
  #timer: unknown

  constructor(at: AttemptOptions) {
    this.#at = at
    this.#version = at.older === undefined ? 5 : 4
  }

  /** Resolves when it is over; with undefined when the next one is to follow at once. */
  run(): Promise<End | undefined> {
    const { options, clock } = this.#at
    const ms = options.connectTimeoutMs ?? defaultConnectTimeoutMs
    const late = new ClientError('connect-timeout', `no CONNACK within ${ms} ms`)
    this.#timer = clock.set(() => this.#end({ error: late }), ms)
    this.#open().catch((error: unknown) => this.#end({ error }))
    return this.#ended.promise
  }

  /** Ends it with DISCONNECT where it is connected; resolves when the stream is closed. */
  async leave(reasonCode: number, sessionExpiryInterval: number | undefined): Promise<void> {
    const error = new ClientError('closed', 'the client was closed')
    if (this.#state !== 'connected') return this.destroy(error)
    const properties = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }
    this.authenticator?.closed(error)
    this.#end({ error }, { type: 'disconnect', reasonCode, properties })
    await this.#closed.promise
  }

  /** Ends it without a word, as a cut would. */
  destroy(error: ClientError): void {
    this.authenticator?.closed(error)
    this.#end({ error })
  }

  packet(packet: Packet): void {
    if (this.#state === 'ended') return
    if (this.#state === 'opening') {
      // Nothing but AUTH comes before it [MQTT5-3.2.0-1] [MQTT3-3.2.0-1].
      if (packet.type === 'connack') return this.#connack(packet)
      throw protocolError(`${packet.type} comes before CONNACK`, 'MQTT5-3.2.0-1')
    }
    if (packet.type === 'pingresp') this.connection?.keepAlive?.answered()
    else if (packet.type === 'disconnect') this.#end({ disconnect: packet })
    else if (packet.type === 'connack') throw protocolError('CONNACK comes twice', 'MQTT5-3.2.0-2')
    else this.#at.session.packet(packet)
  }

  plainAck(firstByte: number, packetIdentifier: number): void {
    if (this.#state === 'opening') throw protocolError('an acknowledgement comes before CONNACK')
    if (this.#state === 'ended') return
    const { publisher } = this.#at.session
    if (firstByte === 0x40) publisher.puback(packetIdentifier, 0, noProperties)
    else if (firstByte === 0x50) publisher.pubrec(packetIdentifier, 0, noProperties)
    else publisher.pubcomp(packetIdentifier, 0, noProperties)
  }

  auth(body: PacketReader): void {
    if (this.#state === 'ended') return
    // Only a CONNECT with a method is answered with AUTH [MQTT5-4.12.0-6].
    if (this.authenticator === undefined)
      throw protocolError('AUTH comes unasked', 'MQTT5-4.12.0-6')
    this.authenticator.receive(body)
  }

  /** The server has not proved itself. */
  failed(error: ClientError): void {
    this.#end({ error }, this.#disconnect(ReasonCode.UnspecifiedError))
  }

  silent(): void {
    const error = new ClientError('transport-failed', 'the server does not answer PINGREQ')
    this.#end({ error })
  }

  drained(): void {
    if (this.#state === 'connected') this.#at.session.publisher.pump()
  }

  violated(error: ProtocolError): void {
    this.#end({ error }, this.#disconnect(error.reasonCode))
  }

  closed(cause: unknown): void {
    this.#closed.resolve()
    const text = this.#state === 'opening' ? 'closed before CONNACK' : 'the connection was lost'
    this.#end({ error: new ClientError('transport-failed', text, { cause }) })
  }

  async #open(): Promise<void> {
    const { options, older, clientId, cleanStart } = this.#at
    const version = this.#version
    const credentials = await this.#credentials()
    older?.checkCredentials(credentials)
    const fields = { version, clientId, cleanStart, credentials }
    const authentication = version === 5 ? await this.#authenticate() : {}
    const packet = connectPacket(options, { ...fields, authentication } satisfies ConnectFields)
    const maximum = options.maximumPacketSize ?? defaultMaximumPacketSize
    const connection = new Connection(version, maximum, this)
    this.connection = connection
    const transport = await this.#at.destination.open(connection, this.#abort.signal)
    connection.opened(transport)
    if (this.#state === 'ended') return connection.destroy()
    connection.write(packet)
    connection.flush()
  }

  /** What of enhanced authentication goes with CONNECT. */
  async #authenticate(): Promise<AuthProperties> {
    const { authentication } = this.#at.options
    if (authentication === undefined) return noProperties
    const { Authenticator } = await parts.authenticator()
    this.authenticator = new Authenticator(authentication, this)
    return await this.authenticator.begin()
  }

  async #credentials() {
    const { credentials } = this.#at
    if (typeof credentials !== 'function') return credentials
    return await credentials({ attempt: this.#at.attempt, signal: this.#abort.signal })
  }

  #connack(packet: Connack): void {
    const { older, cleanStart } = this.#at
    const reasonCode = older?.reasonCodeOf(packet.reasonCode) ?? packet.reasonCode
    if (reasonCode !== 0) return this.#end({ refusal: packet, reasonCode })
    if (packet.sessionPresent && cleanStart) {
      throw protocolError('a Session is present after Clean Start', 'MQTT5-3.2.2-4') // and [MQTT3-3.2.2-1]
    }
    const connection = this.connection as Connection
    if (older?.goesOn(packet.sessionPresent) === false) {
      return this.#end(undefined, { type: 'disconnect', reasonCode: 0, properties: noProperties })
    }
    const authenticator = this.authenticator
    if (authenticator === undefined) return this.#connected(connection, packet)
    // What follows in the same bytes waits until the server has proved itself.
    connection.hold('authentication')
    authenticator.accepted(packet.properties).then(
      () => {
        if (this.#state === 'opening') this.#connected(connection, packet)
        connection.release('authentication')
      },
      (error: unknown) => this.#end({ error }),
    )
  }

  #connected(connection: Connection, packet: Connack): void {
    const { clock, options, clientId } = this.#at
    const version = this.#version
    clock.clear(this.#timer)
    this.#state = 'connected'
    const negotiated = negotiate(options, { version, clientId }, packet)
    connection.maximumSentSize = negotiated.maximumPacketSize
    this.#at.connected(connection, negotiated)
    this.#keep(connection, negotiated).catch((error: unknown) => this.#end({ error }))
  }

  /** What the connection needs to last, but not for its first messages. */
  async #keep(connection: Connection, negotiated: Negotiated): Promise<void> {
    const { clock, session } = this.#at
    const since = clock.now()
    const { ClientKeepAlive, OutboundTopicAliases } = await parts.upkeep()
    if (this.#state !== 'connected') return
    const interval = { seconds: negotiated.keepAlive, since }
    connection.keepAlive = new ClientKeepAlive(interval, clock, connection)
    session.publisher.useAliases(OutboundTopicAliases)
  }

  /**
   * It is over. With a DISCONNECT packet the stream is closed behind it, else at once. Without an
   * ending the next attempt follows when it is closed.
   */
  #end(end: End | undefined, packet?: Disconnect): void {
    if (this.#state === 'ended') return
    const wasConnected = this.#state === 'connected'
    const { connection } = this
    this.#state = 'ended'
    this.#at.clock.clear(this.#timer)
    connection?.keepAlive?.stop()
    this.#abort.abort(end && 'error' in end ? end.error : undefined)
    if (connection !== undefined && !connection.isClosed) {
      if (packet === undefined) connection.destroy()
      else this.#endGently(connection, packet)
    }
    if (wasConnected) this.#at.session.disconnected()
    if (end !== undefined) this.#ended.resolve(end)
    else void this.#closed.promise.then(() => this.#ended.resolve(undefined))
  }

  #endGently(connection: Connection, packet: Disconnect): void {
    const { clock } = this.#at
    connection.write(packet)
    const timer = clock.set(() => connection.destroy(), closeGraceMs)
    void this.#closed.promise.then(() => clock.clear(timer))
    connection.end()
  }

  /** Where the server can be told: 5.0, behind CONNACK. */
  #disconnect(reasonCode: number): Disconnect | undefined {
    const mayTell = this.#state === 'connected' && this.#version === 5
    return mayTell ? { type: 'disconnect', reasonCode, properties: noProperties } : undefined
  }
}
