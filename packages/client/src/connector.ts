import { parts } from '#platform'
import { aborted, onAbort } from './abort.ts'
import { Attempt, type End } from './attempt.ts'
import type { Authenticator } from './authenticator.ts'
import { type Clock, systemClock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { Destination, type Target } from './destination.ts'
import { ClientError } from './errors.ts'
import { ClientEvents } from './events.ts'
import type { OlderVersion } from './older-version.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import type { Recovery } from './recovery.ts'
import { Session } from './session.ts'
import type { OpenTransport } from './transport/transport.ts'

/** How long a program has to subscribe again after it has taken up a Session. */
const unclaimedMs = 10_000

/** How long a page waits that cannot load what follows a lost connection. */
const reloadMs = 1_000

/** `waiting` is for the next attempt to connect; nothing follows after `stopped`. */
export type ClientState = 'connecting' | 'connected' | 'waiting' | 'closing' | 'stopped'

/** Keeps a client connected: attempts, delays, what ends it. */
export class Connector {
  readonly clock: Clock
  readonly options: ClientOptions
  readonly session: Session
  readonly events = new ClientEvents()
  state: ClientState = 'connecting'
  negotiated: Negotiated | undefined
  reconnects = 0
  /** Resolves with the first CONNACK; rejects when the client stops before that. */
  readonly connected: Promise<void>
  /** Resolves when what the store has kept is there. */
  readonly loaded: Promise<void>
  isLoaded = false
  /** Why the client has stopped. */
  error: ClientError | undefined
  readonly destination: Destination
  readonly startedAt: number
  #forgetSignal: () => void = () => {}
  readonly random: () => number
  readonly #first: Deferred<void> = deferred()
  #clientId: string
  #attempt: Attempt | undefined
  #attempts = 0
  /** Of the connection that there is, or that was lost just now. */
  connectedAt: number | undefined
  /** Whether there was a connection that had a Session. */
  hadSession = false
  /** While the version is 3.1.1. */
  older: OlderVersion | undefined
  /** What the last attempt has ended with. */
  #failure: ClientError | undefined
  #isLeaving = false
  #recovery: Recovery | undefined
  #deadline: unknown
  #unclaimedTimer: unknown

  constructor(target: Target, options: ClientOptions, openTransport: OpenTransport) {
    this.destination = new Destination(target, options, openTransport)
    this.options = options
    this.clock = options.clock ?? systemClock
    this.random = options.random ?? Math.random
    this.#clientId = options.clientId ?? ''
    this.startedAt = this.clock.now()
    this.session = new Session(options, this.clock, ({ topicName }, error) =>
      this.events.emit({ type: 'undelivered', topicName, error }),
    )
    this.connected = this.#first.promise
    this.connected.catch(() => {}) // for `lazyConnect`, which does not wait
    this.loaded = this.#load()
    this.#watchCaller()
    this.loaded.then(
      () => this.#run(),
      (error: ClientError) => this.stop(error),
    )
  }

  get rttMs(): number | undefined {
    return this.#attempt?.connection?.keepAlive?.rttMs
  }

  /** The next attempt begins now, as when the network has come back. */
  wake(): void {
    this.#recovery?.wake()
  }

  /** Of the connection that there is; undefined too where there is no Authentication Method. */
  get authenticator(): Authenticator | undefined {
    return this.#attempt?.authenticator
  }

  /** Says DISCONNECT where that is possible, and stops. */
  async leave(reasonCode: number): Promise<void> {
    const attempt = this.#attempt
    this.state = 'closing'
    this.#isLeaving = true
    // The server need not keep a Session that nobody can come back to.
    const isOurs = this.options.clientId === undefined && this.negotiated?.version === 5
    await attempt?.leave(reasonCode, isOurs && reasonCode === 0 ? 0 : undefined)
    this.stop(undefined)
  }

  /** The end of the client; nothing happens when it has ended. */
  stop(error: ClientError | undefined): void {
    if (this.state === 'stopped') return
    this.state = 'stopped'
    this.error = error
    this.clock.clear(this.#deadline)
    this.clock.clear(this.#unclaimedTimer)
    this.#forgetSignal()
    const reason = error ?? new ClientError('closed', 'the client was closed')
    this.#attempt?.destroy(reason)
    this.session.publisher.close(reason)
    this.session.subscriber.close(error)
    this.#first.reject(reason)
    this.wake()
    this.events.emit({ type: 'stopped', error })
    this.events.close()
  }

  async #load(): Promise<void> {
    const { store, cleanStart } = this.options.session ?? {}
    if (store !== undefined || cleanStart === false) {
      const { takeUp } = await parts.earlierSession()
      await takeUp(this, store)
    }
    if (this.options.version === 4) await this.takeOlderVersion()
    this.isLoaded = true
  }

  #watchCaller(): void {
    const { signal, deadlineMs } = this.options
    if (deadlineMs !== undefined) {
      this.#deadline = this.clock.set(() => {
        const text = `no connection within ${deadlineMs} ms`
        this.stop(new ClientError('connect-timeout', text, { cause: this.#failure }))
      }, deadlineMs)
    }
    if (signal === undefined) return
    const stop = () => this.stop(aborted(signal))
    if (signal.aborted) queueMicrotask(stop)
    this.#forgetSignal = onAbort(signal, stop)
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      this.#attempts++
      this.state = this.state === 'closing' ? 'closing' : 'connecting'
      this.events.emit({ type: 'connecting', attempt: this.#attempts })
      const attempt = this.#nextAttempt()
      this.#attempt = attempt
      const end = await attempt.run()
      this.#attempt = undefined
      if (end !== undefined) await this.#recover(attempt, end)
    }
  }

  async #recover(attempt: Attempt, end: End): Promise<void> {
    this.#recovery ??= await this.#loadRecovery()
    if (!this.#isOver) await this.#recovery?.after(attempt, end)
  }

  /** A page that cannot load it has no network either: it tries until it can. Undefined at the end. */
  async #loadRecovery(): Promise<Recovery | undefined> {
    while (!this.#isOver) {
      try {
        const { Recovery } = await parts.upkeep()
        return new Recovery(this)
      } catch (error) {
        this.lost(error as ClientError, reloadMs)
        await new Promise<void>((resolve) => this.clock.set(resolve, reloadMs))
      }
    }
    return undefined
  }

  /** Tells of it; without a delay the client ends. */
  lost(error: ClientError, retryInMs: number | undefined): void {
    this.#failure = error
    if (retryInMs !== undefined && this.state !== 'closing') this.state = 'waiting'
    this.events.emit({ type: 'disconnected', error, retryInMs })
  }

  get #isOver(): boolean {
    return this.state === 'stopped' || this.#isLeaving
  }

  #nextAttempt(): Attempt {
    const { options, clock, session } = this
    const older = this.older
    if (this.#clientId === '') this.#clientId = older?.clientId() ?? ''
    return new Attempt({
      options,
      clock,
      session,
      older,
      clientId: this.#clientId,
      cleanStart: older?.cleanSession() ?? (!this.hadSession && this.beginsAnew),
      attempt: this.#attempts,
      credentials: options.credentials ?? (async () => this.destination.credentials),
      destination: this.destination,
      connected: (connection, negotiated) => {
        this.#becomeConnected(negotiated)
        session.connected(connection, negotiated)
        this.#tellConnected(negotiated)
      },
    })
  }

  /** Whether there was no connection before. */
  get isFirst(): boolean {
    return this.reconnects === 0 && this.connectedAt === undefined && !this.hadSession
  }

  /** There is no second connection to it. */
  get isLink(): boolean {
    return this.destination.isLink
  }

  /** Whether what the server has of an earlier program is not wanted. */
  get beginsAnew(): boolean {
    const { cleanStart, store } = this.options.session ?? {}
    // Without a store nothing is known of an earlier Session, unless the application says so:
    // not [MQTT5-3.2.2-4] then, since its state is what the server has.
    return cleanStart ?? store === undefined
  }

  #becomeConnected(negotiated: Negotiated): void {
    if (this.negotiated !== undefined) this.reconnects++
    this.negotiated = negotiated
    this.#clientId = negotiated.clientId
    this.connectedAt = this.clock.now()
    this.#attempts = 0
    if (this.state !== 'closing') this.state = 'connected'
  }

  #tellConnected(negotiated: Negotiated): void {
    const { publisher, receiver } = this.session
    const before = this.hadSession
    this.hadSession = true
    // Once: later there has been time to subscribe.
    if (!before && receiver.early)
      this.#unclaimedTimer = this.clock.set(() => receiver.giveUpEarly(), unclaimedMs)
    this.clock.clear(this.#deadline)
    this.#first.resolve()
    const session = negotiated.sessionPresent ? 'resumed' : before ? 'lost' : 'new'
    const { requeued } = publisher
    this.events.emit({ type: 'connected', session, requeued, negotiated })
  }

  async takeOlderVersion(): Promise<void> {
    const { OlderVersion } = await parts.olderVersion()
    this.older = new OlderVersion(this)
  }
}
