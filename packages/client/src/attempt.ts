import {
  authFirstByte,
  type Connack,
  type Disconnect,
  noProperties,
  type PacketStream,
  protocolError,
  readConnackProperties,
  writeConnect,
  writeDisconnect,
} from '@busbar/protocol'
import { parts } from '#platform'
import type { Authenticator } from './authenticator.ts'
import { connectPacket, defaultMaximumPacketSize } from './connect-packet.ts'
import { Connection, type ConnectionEvents } from './connection.ts'
import type { Connector } from './connector.ts'
import { deferred } from './deferred.ts'
import { credentialsOf, open } from './destination.ts'
import { ClientError } from './errors.ts'
import { hasLimits, negotiate } from './negotiate.ts'
import type { Negotiated } from './options.ts'

/** What has ended an attempt. */
export type End =
  | { readonly error: unknown }
  | { readonly refusal: Connack; readonly reasonCode: number }
  | { readonly disconnect: Disconnect }

/** How long a closing connection may take to send what is left. */
const closeGraceMs = 2_000
const defaultConnectTimeoutMs = 30_000
const connackFirstByte = 0x20

/** One Network Connection from the first thought of it to its end. */
export class Attempt implements ConnectionEvents {
  readonly version: 4 | 5
  state: 'opening' | 'connected' | 'ended' = 'opening'
  /** Where there is an Authentication Method. */
  authenticator: Authenticator | undefined
  connection: Connection | undefined
  readonly #client: Connector
  readonly #cleanStart: boolean
  readonly #abort = new AbortController()
  readonly #closed = deferred<void>()
  readonly #ended = deferred<End | undefined>()
  #timer: unknown

  constructor(client: Connector) {
    const { older } = client
    this.#client = client
    this.version = older === undefined ? 5 : 4
    this.#cleanStart = older?.cleanSession() ?? (!client.hadSession && client.beginsAnew)
  }

  /** Resolves when it is over; with undefined when the next one is to follow at once. */
  run(): Promise<End | undefined> {
    const { options, clock } = this.#client
    const ms = options.connectTimeoutMs ?? defaultConnectTimeoutMs
    const late = new ClientError('connect-timeout', `no CONNACK within ${ms} ms`)
    this.#timer = clock.set(() => this.fail(late), ms)
    this.#open().catch((error: unknown) => this.fail(error))
    return this.#ended.promise
  }

  /**
   * Ends it for the application: with DISCONNECT where there is one and it is connected, else without a
   * word, as a cut would. Resolves when the stream is closed, as far as that is to be waited for.
   */
  async leave(error: ClientError, packet?: Disconnect): Promise<void> {
    const says = this.state === 'connected' && packet !== undefined
    this.authenticator?.closed(error)
    this.end({ error }, says ? packet : undefined)
    if (says) await this.#closed.promise
  }

  received(frame: PacketStream): void {
    const { firstByte } = frame
    if (this.state === 'ended') return
    if (firstByte === authFirstByte && this.authenticator !== undefined) {
      this.authenticator.receive(frame.body())
    } else if (this.state === 'opening') {
      this.#answered(frame)
    } else if (!this.#client.session.take(frame, this.version)) {
      this.#readLater(frame)
    }
  }

  drained(): void {
    if (this.state === 'connected') this.#client.session.publisher.pump()
  }

  closed(cause: unknown): void {
    this.#closed.resolve()
    const text = this.state === 'opening' ? 'closed before CONNACK' : 'the connection was lost'
    this.fail(new ClientError('transport-failed', text, { cause }))
  }

  /** It is over with an error, of which the server is told where it can be: 5.0, behind CONNACK. */
  fail(error: unknown, reasonCode?: number): void {
    const mayTell = this.state === 'connected' && this.version === 5 && reasonCode !== undefined
    const properties = noProperties
    this.end({ error }, mayTell ? { type: 'disconnect', reasonCode, properties } : undefined)
  }

  /**
   * It is over. With a DISCONNECT packet the stream is closed behind it, else at once. Without an
   * ending the next attempt follows when it is closed.
   */
  end(end: End | undefined, packet?: Disconnect): void {
    if (this.state === 'ended') return
    const { connection } = this
    const { clock, session } = this.#client
    this.state = 'ended'
    clock.clear(this.#timer)
    connection?.keepAlive?.stop()
    session.disconnected()
    this.#abort.abort(end && 'error' in end ? end.error : undefined)
    if (end !== undefined) this.#ended.resolve(end)
    void this.#closed.promise.then(() => {
      clock.clear(this.#timer)
      this.#ended.resolve(undefined)
    })
    if (connection === undefined || connection.isClosed) return
    if (packet === undefined) return connection.destroy()
    connection.write(packet, writeDisconnect)
    this.#timer = clock.set(() => connection.destroy(), closeGraceMs)
    connection.end()
  }

  async #open(): Promise<void> {
    const { version } = this
    const { attempts, clientId, older, options, target } = this.#client
    const { authentication, maximumPacketSize = defaultMaximumPacketSize } = options
    const { signal } = this.#abort
    const { credentials: given = credentialsOf(target) } = options
    const isAsked = typeof given === 'function'
    const credentials = isAsked ? await given({ attempt: attempts, signal }) : given
    older?.checkCredentials(credentials)
    if (authentication !== undefined && version === 5) {
      const { Authenticator } = await parts.authenticator()
      this.authenticator = new Authenticator(authentication, this)
    }
    const packet = connectPacket(options, {
      ...credentials,
      protocolVersion: version,
      clientIdentifier: clientId,
      cleanStart: this.#cleanStart,
      authentication: await this.authenticator?.begin(),
    })
    const connection = new Connection(version, maximumPacketSize, this)
    this.connection = connection
    connection.transport = await open(this.#client, connection, signal)
    if (signal.aborted) return connection.destroy()
    connection.write(packet, writeConnect)
    connection.flush()
  }

  /** The first packet of the server, unless that was AUTH. */
  #answered(frame: PacketStream): void {
    const { older, options, clientId, session } = this.#client
    const { version } = this
    const body = frame.body()
    // Anything but Success, with or without Session Present, is read later; so is what goes on behind its end.
    if (frame.firstByte !== connackFirstByte || (body.u16() & 0xfeff) !== 0) {
      return this.#readLater(frame)
    }
    const sessionPresent = frame.bytes[frame.bodyStart] === 1
    const properties = readConnackProperties(body, version)
    if (!body.isAtEnd) return this.#readLater(frame)
    if (sessionPresent && this.#cleanStart) {
      throw protocolError('a Session is present after Clean Start', 'MQTT5-3.2.2-4') // and [MQTT3-3.2.2-1]
    }
    if (older?.goesOn(this, sessionPresent) === false) return
    const negotiated = negotiate(options, { version, clientId }, { sessionPresent, properties })
    const proved = this.authenticator?.accepted(properties)
    const isPlain = !hasLimits(negotiated) && session.receiver.early === undefined
    const isReady = isPlain || session.upkeep !== undefined
    if (proved === undefined && isReady) return this.#connected(negotiated)
    // All else waits: for the server to prove itself, for what keeps its limits or resumes the Session.
    this.#whenThere(Promise.all([this.#client.loadUpkeep(), proved]), () => {
      if (this.state === 'opening') this.#connected(negotiated)
    })
  }

  #connected(negotiated: Negotiated): void {
    const client = this.#client
    const connection = this.connection as Connection
    client.clock.clear(this.#timer)
    this.state = 'connected'
    connection.maximumSentSize = negotiated.maximumPacketSize
    client.accepted(connection, negotiated)
    const since = client.clock.now()
    client.session.later((upkeep) => upkeep.keep(this, negotiated, since))
    client.loadUpkeep().catch((error: unknown) => this.fail(error))
  }

  /** A packet that `upkeep` reads: before that is there, everything waits. */
  #readLater(frame: PacketStream): void {
    const { upkeep } = this.#client.session
    const { firstByte } = frame
    const body = frame.body()
    if (upkeep !== undefined) return upkeep.receive(this, firstByte, body)
    this.#whenThere(this.#client.loadUpkeep(), (loaded) => loaded.receive(this, firstByte, body))
  }

  #whenThere<T>(loading: Promise<T>, run: (loaded: T) => void): void {
    const connection = this.connection as Connection
    connection.hold(this)
    loading.then(
      (loaded) => {
        connection.guard(() => run(loaded))
        connection.release(this)
      },
      (error: unknown) => this.fail(error),
    )
  }
}
