import { noProperties, ReasonCode } from '@busbar/protocol'
import { AccessControl } from './access/access-control.ts'
import type { AuthenticationMethod, Authenticator } from './access/authenticator.ts'
import { Denials } from './access/denials.ts'
import { Flapping } from './access/flapping.ts'
import { withdrawSubscriptions } from './access-change.ts'
import type { Entry } from './admission.ts'
import { Arrears } from './arrears.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { Connection, type WaitingAnswers } from './connection.ts'
import { type Context, type Random, seedFrom } from './context.ts'
import type { CoreOptions } from './core-options.ts'
import { Deadline, Deadlines } from './deadlines.ts'
import { Durability } from './durability.ts'
import { Fifo } from './fifo.ts'
import { Forwarding } from './forward.ts'
import { Frames } from './frames.ts'
import { createHooks, type Hooks } from './hooks/hooks.ts'
import { Journal, type Outcome, weaker } from './journal.ts'
import type { Log } from './log.ts'
import { Losses } from './losses.ts'
import { Members } from './members.ts'
import { createMessage } from './message.ts'
import { PackedMessages } from './packed-messages.ts'
import { Publishing } from './publishing.ts'
import { restore } from './restore.ts'
import { Retained } from './retained.ts'
import { Rounds } from './rounds.ts'
import { Router } from './router.ts'
import type { SendingConnection } from './sending-connection.ts'
import { Sessions } from './sessions.ts'
import { Slab } from './slab.ts'
import { Statistics } from './statistics.ts'
import type { Change, DurabilityLevel, Store } from './store/store.ts'
import { StoreHealth } from './store-health.ts'
import { SysTopics } from './sys-topics.ts'
import { type Transport, type TransportEvents, takesParts } from './transport.ts'
import { version } from './version.ts'
import { Wills } from './wills.ts'

/** Expired retained messages are thrown away at least this often. */
const sweepMs = 60_000

/** A part of the routes is looked at so often: all of them in a few seconds. */
const sweepRoutesMs = 200

/** The broker without sockets, timers and files: bytes, events and time in, bytes out. */
export class Core implements Context {
  /** Replaced as a whole when it is reloaded: to be looked up where it matters. */
  config: Config
  readonly clock: Clock
  readonly random: Random
  readonly store: Store
  readonly log: Log
  readonly authenticator: Authenticator
  readonly methods: readonly AuthenticationMethod[]
  readonly access: AccessControl
  readonly deadlines: Deadlines
  readonly hooks: Hooks
  readonly durability: Durability
  readonly journal: Journal
  readonly arrears: Arrears
  readonly losses = new Losses()
  readonly messages = new PackedMessages()
  readonly statistics = new Statistics()
  readonly memory: Context['memory']
  readonly router: Router
  readonly retained: Retained
  readonly wills: Wills
  readonly sessions: Sessions
  readonly flapping: Flapping
  readonly frames: Frames
  readonly publishing: Publishing
  readonly forwarding = new Forwarding()
  readonly rounds = new Rounds()
  /** Where output is put together. */
  readonly slab: Slab
  /** Where acknowledgements are: apart, so that those of one connection are neighbours. */
  readonly acknowledgements: Slab
  readonly copy = (bytes: Uint8Array) => this.slab.copy(bytes)
  readonly #sysTopics: SysTopics
  readonly #schedule: (endOfTurn: () => void) => void
  readonly #nextTurn: (work: () => void) => void
  #isRoundDue = false
  readonly #connections = new Members<Connection>()
  readonly #withOutput = new Fifo<SendingConnection>(1_024)
  #isScheduled = false
  #isStopped = false
  #otherTransports = 0
  #position = 0

  constructor(options: CoreOptions) {
    this.config = options.config
    this.memory = options.memory ?? { isShort: false }
    this.slab = new Slab(options.slabMemory)
    this.acknowledgements = new Slab(options.slabMemory)
    this.clock = options.clock
    this.random = options.random
    this.store = options.store
    this.log = options.log
    this.deadlines = new Deadlines(this.clock.now())
    this.hooks = createHooks(this, options)
    this.authenticator = this.hooks.authenticator(options.authenticator)
    this.methods = options.methods ?? []
    const { access, policies } = options
    const { authorize } = this.hooks
    this.access = new AccessControl({ denials: new Denials(this), access, policies, authorize })
    this.losses.heard = this.hooks.lost
    this.router = new Router(
      (session, name) => this.access.couldReceive(session, name),
      seedFrom(options.random),
    )
    this.#schedule = options.schedule
    this.#nextTurn = options.nextTurn ?? options.schedule
    this.durability = new Durability(this.config)
    this.arrears = new Arrears(this, (change) => this.#restate(change))
    const health = new StoreHealth(this.log, options.storeFailed ?? (() => {}))
    const outcome: Outcome = (changes, error) => {
      this.arrears.decided(changes, error)
      health.decided(changes, error, this.clock.now())
    }
    this.store.whenFailed?.((error) => health.failed(error))
    this.journal = new Journal(this.store, outcome, () => this.#endTurnLater())
    this.flapping = new Flapping(() => this.config.auth.flapping)
    this.frames = new Frames(this.clock, this.slab)
    this.retained = new Retained(this)
    this.wills = new Wills(this, {
      publish: (will, mustWait) => this.publishing.publishWill(will, mustWait),
      save: (session) => this.sessions.save(session),
    })
    this.sessions = new Sessions(this, this.router, this.wills)
    this.publishing = new Publishing(this)
    const { statistics, losses, clock } = this
    const heapBytes = options.heapBytes ?? (() => 0)
    const { level } = this
    this.#sysTopics = new SysTopics({
      statistics,
      losses,
      durability: level,
      version,
      clock,
      heapBytes,
    })
  }

  /** Restores what the store kept. Nothing may be accepted before it has resolved. */
  async start(): Promise<void> {
    restore(this, await this.store.open())
    // The rules may have changed while the broker was down.
    for (const session of this.sessions) withdrawSubscriptions(this, session)
    this.#repeat(this.config.sys.intervalSeconds * 1_000, () => this.#publishSysTopics())
    this.#repeat(sweepMs, (now) => {
      this.retained.sweep(now)
      this.router.forgetSeen()
    })
    this.#repeat(sweepRoutesMs, () => this.router.sweep())
  }

  /** A new Network Connection; `level` is that of the Sessions that are used over it. */
  accept(
    transport: Transport,
    level: DurabilityLevel = this.durability.default,
    entry?: Entry,
  ): TransportEvents {
    const connection = new Connection(this, transport, level, entry)
    this.#connections.add(connection)
    if (!takesParts(transport)) this.#otherTransports++
    this.statistics.socketsOpened++
    return connection
  }

  /** What is promised where nothing else is said: as configured, as far as the store can keep it. */
  get level(): DurabilityLevel {
    return weaker(this.store.level, this.durability.default)
  }

  /** There are more connections than are allowed, the asking one included. */
  get isFull(): boolean {
    const { connections } = this.config.limits
    return connections > 0 && this.#connections.size > connections
  }

  /** 0x9C instead of this Reason Code where a 5.0 client can be pointed to another server. */
  elsewhere(connection: Connection, reasonCode: number): number {
    const hasOther = this.config.mqtt.serverReference !== undefined && connection.version === 5
    return hasOther ? ReasonCode.UseAnotherServer : reasonCode
  }

  connectionOf(clientIdentifier: string): Connection | undefined {
    const connection = this.sessions.get(clientIdentifier)?.connection
    return connection instanceof Connection ? connection : undefined
  }

  /** Their passwords or groups are not what they were: who is connected has to come again. */
  disconnectUsers(names: ReadonlySet<string>): void {
    // Not by their Sessions: one that was let in and has none yet is among them.
    for (const connection of [...this.#connections]) {
      const user = connection.authentication?.user ?? connection.session?.user
      if (user === undefined || !names.has(user)) continue
      connection.disconnect(ReasonCode.AdministrativeAction, 'the user was changed or deleted')
    }
  }

  /** There are connections whose transport needs output for longer than a turn. */
  get hasOtherTransports(): boolean {
    return this.#otherTransports > 0
  }

  forget(connection: Connection): void {
    if (!this.#connections.delete(connection)) return
    if (!takesParts(connection.transport)) this.#otherTransports--
    connection.entry?.leave()
  }

  /** Meets the deadlines that have come; the rim calls it about every 100 ms. */
  advance(): void {
    this.deadlines.advance(this.clock.now())
  }

  /** Nothing was journaled since `mark`, and no earlier answer on the connection waits. */
  isSettled(connection: Connection, mark: number): boolean {
    return this.journal.mark === mark && connection.waitingAcknowledgements === 0
  }

  /**
   * Answers when everything journaled since `mark` is durable: at once when that is nothing and no
   * earlier answer on the connection waits.
   */
  acknowledge(connection: Connection, mark: number, answer: (error?: Error) => void): void {
    if (this.isSettled(connection, mark)) return answer()
    connection.waitingAcknowledgements++
    const { batch } = this.journal
    let waiting = connection.waitingAnswers
    if (waiting?.batch !== batch) {
      const added: WaitingAnswers = { batch, answers: [] }
      this.journal.whenCommitted((error) => answerAll(connection, added, error))
      connection.waitingAnswers = waiting = added
    }
    waiting.answers.push(answer)
  }

  /** For clients that leave the choice to the broker: no two are alike [MQTT5-3.2.2-16]. */
  newClientIdentifier(): string {
    const bytes = this.random.bytes(16)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return `auto-${hex}`
  }

  /** Positions up to this one are in use. */
  continueBehind(position: number): void {
    this.#position = position
  }

  nextPosition(): number {
    return ++this.#position
  }

  /** Grows with each delivery, whether it is sent, queued or dropped. */
  get deliveries(): number {
    return this.statistics.publishSent + this.#position + this.losses.queueFull
  }

  /** A connection has had its share, and goes on when the others had theirs. */
  awaitRound(connection: Connection, caused: number): void {
    this.rounds.wait(connection, caused)
    this.#nextRoundLater()
  }

  #nextRoundLater(): void {
    if (this.#isRoundDue) return
    this.#isRoundDue = true
    this.#nextTurn(() => this.nextRound())
  }

  /** Lets some of those go on who have waited. */
  nextRound(): void {
    this.#isRoundDue = false
    if (this.#isStopped) return
    this.rounds.next()
    if (!this.rounds.isEmpty) this.#nextRoundLater()
  }

  /** What was put together in this turn is still needed by a transport. */
  holdSlabs(): void {
    this.slab.isHeld = true
    this.acknowledgements.isHeld = true
  }

  /** A connection has something to send at the end of this turn. */
  hasOutput(connection: SendingConnection): void {
    this.#withOutput.push(connection)
    this.#endTurnLater()
  }

  #endTurnLater(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#schedule(this.#endOfTurn)
  }

  readonly #endOfTurn = () => this.endTurn()

  /** Commits this turn's batch, then sends what there is to send: at once what the commit released. */
  endTurn(): void {
    this.#isScheduled = false
    if (this.#isStopped) return
    this.journal.commit()
    const connections = this.#withOutput
    for (let next = connections.shift(); next !== undefined; next = connections.shift())
      next.flush()
    this.frames.endTurn()
    this.slab.endTurn()
    this.acknowledgements.endTurn()
  }

  #restate(change: Change): boolean {
    if (change.kind === 'retained') this.retained.restate(change.message.topicName)
    else if (change.kind === 'retained-end') this.retained.restate(change.topicName)
    else return this.sessions.restate(change)
    return true
  }

  /** Says goodbye to every client, and resolves when all of it is stored. */
  async stop(): Promise<void> {
    for (const connection of [...this.#connections]) {
      const reasonCode = this.elsewhere(connection, ReasonCode.ServerShuttingDown)
      connection.disconnect(reasonCode, 'the broker is stopping')
    }
    this.endTurn()
    await new Promise<void>((resolve) => {
      this.journal.whenCommitted(() => resolve())
      this.endTurn()
    })
    this.#isStopped = true
    await this.store[Symbol.asyncDispose]()
  }

  #publishSysTopics(): void {
    const now = this.clock.now()
    for (const { topicName, payload } of this.#sysTopics.changed(now)) {
      const bytes = new TextEncoder().encode(payload)
      const message = { topicName, payload: bytes, qos: 0, retain: true } as const
      const rest = { properties: noProperties, publisher: '' }
      const complete = createMessage({ ...message, ...rest }, now)
      // Not stored: they are about this run.
      this.retained.restore(complete)
      this.publishing.route(complete)
    }
  }

  #repeat(everyMs: number, work: (now: number) => void): void {
    if (everyMs === 0) return
    const deadline = new Deadline((now) => {
      work(now)
      this.deadlines.set(deadline, now + everyMs)
    })
    this.deadlines.set(deadline, this.clock.now())
  }
}

function answerAll(connection: Connection, waiting: WaitingAnswers, error?: Error): void {
  if (connection.waitingAnswers === waiting) connection.waitingAnswers = undefined
  for (const answer of waiting.answers) {
    connection.waitingAcknowledgements--
    // A failure is undone in the Session also when there is nobody left to be told.
    if (connection.state === 'connected') connection.guard(answer, error)
    else if (error !== undefined) answer(error)
  }
}

export function createBroker(options: CoreOptions): Core {
  return new Core(options)
}
