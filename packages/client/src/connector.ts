import { noProperties } from '@busbar/protocol'
import { parts } from '#platform'
import { aborted, onAbort } from './abort.ts'
import { Attempt } from './attempt.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Connection } from './connection.ts'
import { type Deferred, deferred } from './deferred.ts'
import type { Destination, Target } from './destination.ts'
import { ClientError } from './errors.ts'
import { ClientEvents } from './events.ts'
import type { OlderVersion } from './older-version.ts'
import type { ClientOptions, Negotiated } from './options.ts'
import { Session } from './session.ts'
import type { OpenTransport } from './transport/transport.ts'
import type { Upkeep } from './upkeep.ts'

/** How long a page waits that cannot load what follows a lost connection. */
const reloadMs = 1_000

/** `waiting` is for the next attempt to connect; nothing follows after `stopped`. */
export type ClientState = 'connecting' | 'connected' | 'waiting' | 'closing' | 'stopped'

/** Keeps a client connected: attempts, delays, what ends it. */
export class Connector implements Destination {
  readonly clock: Clock
  readonly options: ClientOptions
  readonly session: Session
  target: Target
  readonly openTransport: OpenTransport
  readonly events = new ClientEvents()
  readonly startedAt: number
  /** Resolves with the first CONNACK; rejects when the client stops before that. */
  readonly connected: Promise<void>
  /** Resolves when what the store has kept is there. */
  readonly loaded: Promise<void>
  isLoaded = false
  state: ClientState = 'connecting'
  /** Why the client has stopped. */
  error: ClientError | undefined
  clientId: string
  negotiated: Negotiated | undefined
  /** Since the last success. */
  attempts = 0
  attempt: Attempt | undefined
  /** Of the connection that there is, or that was lost just now. */
  connectedAt: number | undefined
  /** Whether there was a connection that had a Session. */
  hadSession = false
  /** While the version is 3.1.1. */
  older: OlderVersion | undefined
  readonly #first: Deferred<void> = deferred()
  /** What the last attempt has ended with. */
  #failure: ClientError | undefined
  #isLeaving = false
  #deadline: unknown
  #forgetSignal: () => void = () => {}

  constructor(target: Target, options: ClientOptions, openTransport: OpenTransport) {
    const { clock = systemClock } = options
    this.target = target
    this.openTransport = openTransport
    this.options = options
    this.clock = clock
    this.clientId = options.clientId ?? ''
    this.startedAt = clock.now()
    this.session = new Session(options, clock, ({ topicName }, error) =>
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

  /** What the first messages do without; rejects where a page cannot load it. */
  async loadUpkeep(): Promise<Upkeep> {
    const { Upkeep } = await parts.upkeep()
    if (this.session.upkeep === undefined) this.session.complete(new Upkeep(this))
    return this.session.upkeep as unknown as Upkeep
  }

  /** Says DISCONNECT where that is possible, and stops. */
  async leave(reasonCode: number): Promise<void> {
    this.state = 'closing'
    this.#isLeaving = true
    // The server need not keep a Session that nobody can come back to.
    const isOurs = this.options.clientId === undefined && this.negotiated?.version === 5
    const properties = isOurs && reasonCode === 0 ? { sessionExpiryInterval: 0 } : noProperties
    await this.attempt?.leave(closed(), { type: 'disconnect', reasonCode, properties })
    this.stop(undefined)
  }

  /** The end of the client; nothing happens when it has ended. */
  stop(error: ClientError | undefined): void {
    if (this.state === 'stopped') return
    this.state = 'stopped'
    this.error = error
    this.clock.clear(this.#deadline)
    this.#forgetSignal()
    const reason = error ?? closed()
    const { publisher, subscriber, receiver, upkeep } = this.session
    void this.attempt?.leave(reason)
    publisher.close(reason)
    subscriber.close(error, reason)
    receiver.early?.close()
    upkeep?.disconnected()
    upkeep?.wake()
    this.#first.reject(reason)
    this.events.emit({ type: 'stopped', error })
    this.events.close()
  }

  /** CONNACK has come, and the Session may go on. */
  accepted(connection: Connection, negotiated: Negotiated): void {
    const { upkeep } = this.session
    if (this.negotiated !== undefined) this.session.counts.reconnects++
    this.negotiated = negotiated
    this.clientId = negotiated.clientId
    this.connectedAt = this.clock.now()
    this.attempts = 0
    if (this.state !== 'closing') this.state = 'connected'
    if (upkeep === undefined) this.session.connected(connection, negotiated)
    else upkeep.connected(connection, negotiated)
    this.clock.clear(this.#deadline)
    this.#first.resolve()
    const session = negotiated.sessionPresent ? 'resumed' : this.hadSession ? 'lost' : 'new'
    this.hadSession = true
    const { requeued } = this.session.counts
    this.events.emit({ type: 'connected', session, requeued, negotiated })
  }

  /** Tells of it; without a delay the client ends. */
  lost(error: ClientError, retryInMs: number | undefined): void {
    this.#failure = error
    if (retryInMs !== undefined && this.state !== 'closing') this.state = 'waiting'
    this.events.emit({ type: 'disconnected', error, retryInMs })
  }

  async takeOlderVersion(): Promise<void> {
    const { OlderVersion } = await parts.olderVersion()
    this.older = new OlderVersion(this)
  }

  /** Whether what the server has of an earlier program is not wanted. */
  get beginsAnew(): boolean {
    const { cleanStart, store } = this.options.session ?? {}
    // Without a store nothing is known of an earlier Session, unless the application says so:
    // not [MQTT5-3.2.2-4] then, since its state is what the server has.
    return cleanStart ?? store === undefined
  }

  async #load(): Promise<void> {
    const { outbox, session, version } = this.options
    const { store, cleanStart } = session ?? {}
    // Messages may come in before there is a connection.
    if (outbox?.whenFull ?? outbox?.qos0WhileOffline) await this.#awaitUpkeep()
    if (store !== undefined || cleanStart === false) {
      const { takeUp } = await parts.earlierSession()
      await takeUp(this, store)
    }
    if (version === 4) await this.takeOlderVersion()
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
      this.attempts++
      if (this.state !== 'closing') this.state = 'connecting'
      this.events.emit({ type: 'connecting', attempt: this.attempts })
      if (this.clientId === '') this.clientId = this.older?.clientId() ?? ''
      const attempt = new Attempt(this)
      this.attempt = attempt
      const end = await attempt.run()
      this.attempt = undefined
      if (end === undefined) continue
      await this.#awaitUpkeep()
      if (!this.#isOver) await this.session.upkeep?.after(attempt, end)
    }
  }

  /** A page that cannot load what follows a connection has no network either: it tries until it can. */
  async #awaitUpkeep(): Promise<void> {
    while (this.session.upkeep === undefined && !this.#isOver) {
      try {
        await this.loadUpkeep()
      } catch (error) {
        this.lost(error as ClientError, reloadMs)
        await new Promise<void>((resolve) => this.clock.set(resolve, reloadMs))
      }
    }
  }

  get #isOver(): boolean {
    return this.state === 'stopped' || this.#isLeaving
  }
}

function closed(): ClientError {
  return new ClientError('closed', 'the client was closed')
}
