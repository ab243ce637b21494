import {
  type AuthProperties,
  type Connack,
  noProperties,
  type Packet,
  type PacketReader,
  ProtocolError,
  protocolError,
  ReasonCode,
} from '@busbar/protocol'
import { parts } from '#platform'
import type { Authenticator } from './authenticator.ts'
import type { Clock } from './clock.ts'
import { type ConnectFields, connectPacket, defaultMaximumPacketSize } from './connect-packet.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import { deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import { ClientKeepAlive } from './keep-alive.ts'
import { negotiate } from './negotiate.ts'
import type { OlderVersion } from './older-version.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import { dismissed, type Ending, failed, permanent, refused } from './outcome.ts'
import type { Session } from './session.ts'
import type { Transport, TransportEvents } from './transport/transport.ts'

export interface AttemptOptions {
  readonly options: ClientOptions
  readonly clock: Clock
  /** Where the version is 3.1.1. */
  readonly older: OlderVersion | undefined
  readonly clientId: string
  readonly cleanStart: boolean
  /** Whether there was no connection before. */
  readonly isFirst: boolean
  readonly attempt: number
  readonly session: Session
  open(events: TransportEvents, signal: AbortSignal): Promise<Transport>
  /** CONNACK has come, and the Session may go on. */
  connected(connection: Connection, negotiated: Negotiated): void
}

/** How long a closing connection may take to send what is left. */
const closeGraceMs = 2_000
const defaultConnectTimeoutMs = 30_000
/** A timer that comes this late says that the process stood still. */
const standstillMs = 200

/** One Network Connection from the first thought of it to its end. */
export class Attempt implements ConnectionEvents {
  readonly #at: AttemptOptions
  readonly #version: 4 | 5
  readonly #abort = new AbortController()
  readonly #ended = deferred<Ending | undefined>()
  /** Where there is an Authentication Method. */
  authenticator: Authenticator | undefined
  connection: Connection | undefined
  #state: 'opening' | 'connected' | 'ended' = 'opening'
  #timer: unknown
  #onClosed: (() => void) | undefined

  constructor(at: AttemptOptions) {
    this.#at = at
    this.#version = at.older === undefined ? 5 : 4
  }

  /** Resolves when it is over; with undefined when the next one is to follow at once. */
  run(): Promise<Ending | undefined> {
    const { options, clock } = this.#at
    const ms = options.connectTimeoutMs ?? defaultConnectTimeoutMs
    const late = new ClientError('connect-timeout', `no CONNACK within ${ms} ms`)
    this.#timer = clock.set(() => this.#end(failed(late)), ms)
    this.#open().catch((error: unknown) => this.#end(endingOf(error, this.#at.isFirst)))
    return this.#ended.promise
  }

  /** Ends it with DISCONNECT where it is connected; resolves when the stream is closed. */
  async leave(reasonCode: number, sessionExpiryInterval: number | undefined): Promise<void> {
    const connection = this.connection
    const error = new ClientError('closed', 'the client was closed')
    if (connection === undefined || connection.isClosed || this.#state !== 'connected') {
      return this.#end(failed(error))
    }
    const properties = sessionExpiryInterval === undefined ? {} : { sessionExpiryInterval }
    connection.write({ type: 'disconnect', reasonCode, properties })
    const closed = deferred<void>()
    this.#onClosed = closed.resolve
    this.#finish(failed(error))
    await closed.promise
  }

  /** Ends it without a word, as a cut would. */
  destroy(error: ClientError): void {
    this.#end(failed(error))
  }

  packet(packet: Packet): void {
    if (this.#state === 'ended') return
    if (this.#state === 'opening') {
      // Nothing but AUTH comes before it [MQTT5-3.2.0-1] [MQTT3-3.2.0-1].
      if (packet.type === 'connack') return this.#connack(packet)
      throw protocolError(`${packet.type} comes before CONNACK`, 'MQTT5-3.2.0-1')
    }
    if (packet.type === 'pingresp') this.connection?.keepAlive?.answered(this.#at.clock.now())
    else if (packet.type === 'disconnect') this.#end(dismissed(packet))
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
    this.#end(permanent(error), ReasonCode.UnspecifiedError)
  }

  drained(): void {
    if (this.#state === 'connected') this.#at.session.publisher.pump()
  }

  violated(error: ProtocolError): void {
    this.#end(endingOf(error), error.reasonCode)
  }

  closed(cause: unknown): void {
    this.#onClosed?.()
    const text = this.#state === 'opening' ? 'closed before CONNACK' : 'the connection was lost'
    this.#end(failed(new ClientError('transport-failed', text, { cause })))
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
    const connection = new Connection(version, maximum, { events: this, clock: this.#at.clock })
    this.connection = connection
    const transport = await this.#at.open(connection, this.#abort.signal)
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
    const { credentials = {} } = this.#at.options
    if (typeof credentials !== 'function') return credentials
    return await credentials({ attempt: this.#at.attempt, signal: this.#abort.signal })
  }

  #connack(packet: Connack): void {
    const { older, isFirst, cleanStart } = this.#at
    const reasonCode = older?.reasonCodeOf(packet.reasonCode) ?? packet.reasonCode
    if (reasonCode !== 0) return this.#end(refused(reasonCode, packet, isFirst))
    if (packet.sessionPresent && cleanStart) {
      throw protocolError('a Session is present after Clean Start', 'MQTT5-3.2.2-4') // and [MQTT3-3.2.2-1]
    }
    const connection = this.connection as Connection
    if (older?.goesOn(packet.sessionPresent) === false) return this.#part(connection)
    const authenticator = this.authenticator
    if (authenticator === undefined) return this.#connected(connection, packet)
    // What follows in the same bytes waits until the server has proved itself.
    connection.hold('authentication')
    authenticator.accepted(packet.properties).then(
      () => {
        if (this.#state === 'opening') this.#connected(connection, packet)
        connection.release('authentication')
      },
      (error: unknown) => this.#end(endingOf(error)),
    )
  }

  #connected(connection: Connection, packet: Connack): void {
    const { clock, options, clientId } = this.#at
    const version = this.#version
    clock.clear(this.#timer)
    this.#state = 'connected'
    const negotiated = negotiate(options, { version, clientId }, packet)
    connection.maximumSentSize = negotiated.maximumPacketSize
    connection.keepAlive = new ClientKeepAlive(negotiated.keepAlive, clock.now())
    this.#watch(connection, connection.keepAlive)
    this.#at.connected(connection, negotiated)
  }

  /** One timer that looks at the clock, whenever it comes. */
  #watch(connection: Connection, keepAlive: ClientKeepAlive): void {
    const { clock } = this.#at
    if (keepAlive.nextAt === Number.POSITIVE_INFINITY) return
    this.#checkAt(Math.max(keepAlive.nextAt, clock.now() + 1), connection, keepAlive)
  }

  #checkAt(at: number, connection: Connection, keepAlive: ClientKeepAlive): void {
    const { clock } = this.#at
    const check = () => this.#checkAlive(at, connection, keepAlive)
    this.#timer = clock.set(check, at - clock.now())
  }

  #checkAlive(dueAt: number, connection: Connection, keepAlive: ClientKeepAlive): void {
    if (this.#state !== 'connected') return
    const now = this.#at.clock.now()
    const due = keepAlive.due(now, connection.isReading)
    // After a standstill of ours the answer may be there, and not read yet.
    if (due === 'give-up' && now - dueAt > standstillMs) {
      return this.#checkAt(now + standstillMs, connection, keepAlive)
    }
    if (due === 'give-up') {
      const error = new ClientError('transport-failed', 'the server does not answer PINGREQ')
      return this.#end(failed(error))
    }
    if (due === 'ping') {
      connection.write({ type: 'pingreq' })
      keepAlive.pinged(now)
    }
    this.#watch(connection, keepAlive)
  }

  /** It is over; with a Reason Code a 5.0 server is told why. */
  #end(ending: Ending, reasonCode?: number): void {
    if (this.#state === 'ended') return
    const connection = this.connection
    const mayTell = this.#state === 'connected' && this.#version === 5
    if (connection !== undefined && mayTell && reasonCode !== undefined) {
      connection.write({ type: 'disconnect', reasonCode, properties: noProperties })
      this.#finish(ending)
    } else {
      this.#finish(ending, true)
    }
  }

  #finish(ending: Ending, isSudden = false): void {
    const { clock } = this.#at
    const wasConnected = this.#state === 'connected'
    this.#state = 'ended'
    clock.clear(this.#timer)
    this.#abort.abort(ending.error)
    this.authenticator?.closed(ending.error)
    const connection = this.connection
    if (connection !== undefined && !connection.isClosed) {
      if (isSudden) connection.destroy()
      else this.#endGently(connection)
    }
    if (wasConnected) this.#at.session.disconnected()
    this.#ended.resolve(ending)
  }

  /** Says DISCONNECT, so that the server is done with it before the next one comes. */
  #part(connection: Connection): void {
    this.#state = 'ended'
    this.#at.clock.clear(this.#timer)
    connection.write({ type: 'disconnect', reasonCode: 0, properties: noProperties })
    this.#onClosed = () => this.#ended.resolve(undefined)
    this.#endGently(connection)
  }

  #endGently(connection: Connection): void {
    const { clock } = this.#at
    const timer = clock.set(() => connection.destroy(), closeGraceMs)
    const told = this.#onClosed
    this.#onClosed = () => {
      clock.clear(timer)
      told?.()
    }
    connection.end()
  }
}

function endingOf(error: unknown, isFirst = false): Ending {
  if (error instanceof ClientError) {
    // A server that was trusted before gets a new certificate, or is another one only for a while.
    const isPassing = error.code === 'invalid-certificate' && !isFirst
    const isPermanent = /^(invalid|authentication)-/.test(error.code) && !isPassing
    return isPermanent ? permanent(error) : failed(error)
  }
  if (error instanceof ProtocolError) {
    const { message, reasonCode } = error
    return failed(new ClientError('protocol-error', message, { cause: error, reasonCode }))
  }
  if (error instanceof RangeError) {
    return permanent(new ClientError('invalid-argument', error.message, { cause: error }))
  }
  const text = error instanceof Error ? error.message : String(error)
  return failed(new ClientError('transport-failed', text, { cause: error }))
}
