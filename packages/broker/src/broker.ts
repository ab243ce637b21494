import { randomBytes } from 'node:crypto'
import { getHeapStatistics } from 'node:v8'
import type { Link } from '@busbar/protocol'
import type { Access } from './access/access.ts'
import type { Policies } from './access/access-control.ts'
import type { AuthenticationMethod, Authenticator } from './access/authenticator.ts'
import { LiveAuthentication } from './access/live-authentication.ts'
import { type ControlSocket, startControlSocket } from './admin/control-socket.ts'
import { Admission } from './admission.ts'
import { systemClock } from './clock.ts'
import type { Config, ConfigInput, ListenerConfig } from './config.ts'
import { openChecked } from './config-check.ts'
import type { ConfigSource } from './config-error.ts'
import { type Core, createBroker } from './core.ts'
import type { Hook } from './hooks/hook.ts'
import {
  Program,
  type ProgramSubscription,
  type PublishOptions,
  type SubscribeOptions,
} from './hooks/program.ts'
import type { Consumer } from './hooks/subscriber.ts'
import { type BackEnd, type BackEndName, netBackEnd, openBackEnd } from './listener/io/back-end.ts'
import { slabMemory } from './listener/io/system.ts'
import { atEndOfTurn, inTurn } from './listener/io/turn.ts'
import type { Listener } from './listener/listener.ts'
import { connectInMemory } from './listener/memory.ts'
import { admitting, isPlainTcp, startListener } from './listener/start.ts'
import type { TlsFiles } from './listener/tls-files.ts'
import { TlsWatch } from './listener/tls-watch.ts'
import { IoWorkers } from './listener/workers/io-workers.ts'
import type { Reloaded } from './live-config.ts'
import { createLog, type Log, silentLog } from './log.ts'
import type { Losses } from './losses.ts'
import { MemoryGuard, memoryOfProcess } from './memory-guard.ts'
import { Reloader, type ReloaderOptions, type UncheckedConfig } from './reloader.ts'
import type { Statistics } from './statistics.ts'
import { createMemoryStore } from './store/memory.ts'
import { createSqliteStore } from './store/sqlite.ts'
import type { DurabilityLevel, Store } from './store/store.ts'

/** What only a program can give. */
export interface BrokerOptions {
  /** Asked in this order, after the certificate and before all that the configuration names. */
  readonly authenticators?: readonly Authenticator[]
  /** Authentication Methods, instead of SCRAM-SHA-256 for the users that are configured. */
  readonly methods?: readonly AuthenticationMethod[]
  /** Who may do what, instead of the rules in `access`. */
  readonly access?: Access
  /** Code that takes part in what the broker does, in this order. */
  readonly hooks?: readonly Hook[]
  /** How long a hook may take where it decides; 5,000 when left out. */
  readonly hookTimeoutMs?: number
  /** Instead of standard error. */
  readonly log?: Log
  /** Reads again what the broker was started with, for `reload` and `busbar reload`. */
  readonly reread?: () => Promise<UncheckedConfig>
  /** Lets the errors of a configuration point to the file it was read from. */
  readonly source?: ConfigSource
}

/** A place where clients connect. */
export interface Address {
  readonly kind: ListenerConfig['kind']
  readonly url: string
}

/** A running broker; disposing of it is `close()`. */
export interface Broker extends AsyncDisposable {
  readonly config: Config
  readonly addresses: readonly Address[]
  /** The first TCP address. Throws when the broker has none. */
  readonly url: string
  /** What an acknowledged message survives, unless a rule or a listener says otherwise. */
  readonly durability: DurabilityLevel
  /** What carries the bytes of TCP connections, and why nothing faster does. */
  readonly io: {
    readonly backEnd: BackEndName
    readonly because: readonly string[]
    /** Threads that hold the sockets; 0: the one of the broker does. */
    readonly workers: number
  }
  /** What did not arrive, by client and cause. */
  readonly losses: Losses
  readonly statistics: Statistics
  /**
   * Resolves when the store has failed for good. Nothing that lasts is acknowledged from then on:
   * close the broker and start it anew.
   */
  readonly failed: Promise<Error>
  /** Opens a Network Connection within the process. */
  connectInMemory(): Link
  /**
   * Puts another configuration in force, as far as that is possible while clients are connected, and
   * reads the files that it names again; without one, what `reread` of the options gives. Rejects
   * with a ConfigError when it cannot be used: nothing has changed then.
   */
  reload(input?: ConfigInput): Promise<Reloaded>
  /**
   * Publishes, at QoS 1 when nothing is said. Resolves when the message is stored wherever it has to
   * be, with Reason Code 0, or 0x10 when nobody has subscribed. Rejects with a PublishError when
   * nobody could take it, and with a ProtocolError for what is no Topic Name.
   */
  publish(
    topicName: string,
    payload: string | Uint8Array,
    options?: PublishOptions,
  ): Promise<number>
  /**
   * Subscribes, and resolves when that is stored. A message is acknowledged when the consumer has
   * resolved for it. Rejects with a ProtocolError for what is no Topic Filter.
   */
  subscribe(
    topicFilter: string,
    consumer: Consumer,
    options?: SubscribeOptions,
  ): Promise<ProgramSubscription>
  /**
   * The same, for `for await`: a message is acknowledged when the next one is asked for, and the one
   * with which the loop was left is not.
   */
  subscribe(topicFilter: string, options?: SubscribeOptions): Promise<ProgramSubscription>
  /** Says goodbye to the clients, keeps what is to be kept, and closes everything. */
  close(): Promise<void>
}

/** How often deadlines are looked at. */
const tickMs = 100

/**
 * Starts a broker, and resolves when clients can connect. Throws `ConfigError`, or `ListenError`
 * when a port cannot be opened; nothing is left open then.
 */
export async function startBroker(
  input: ConfigInput = {},
  options: BrokerOptions = {},
): Promise<Broker> {
  const { source, authenticators = [], methods, hooks = [], hookTimeoutMs } = options
  const isGuarded =
    authenticators.length > 0 ||
    (methods ?? []).length > 0 ||
    hooks.some(({ authenticate }) => authenticate !== undefined)
  const random = { bytes: (count: number) => randomBytes(count) }
  const open = async (config: Config) => {
    const ownLog = options.log === undefined ? createLog(config.log) : undefined
    const log = options.log ?? ownLog ?? silentLog
    const rim = { clock: systemClock, random, log, authenticators, isGuarded }
    return { ownLog, log, authentication: await LiveAuthentication.open(config, rim, source) }
  }
  const { config, tls, policies, opened } = await openChecked(input, { source, isGuarded, open })
  const { ownLog, log, authentication } = opened
  const store = await openStore(config)
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const memory = new MemoryGuard({
    ...memoryOfProcess(),
    limit: () => core.config.limits.memoryBytes,
    log,
  })
  const core: Core = createBroker({
    config,
    memory,
    clock: systemClock,
    random,
    store,
    log,
    schedule: atEndOfTurn,
    nextTurn: (work) => setImmediate(inTurn, work),
    ...(config.io !== 'net' && { slabMemory }),
    storeFailed: fail,
    // Not `process.memoryUsage`, which opens a file and fails where there is no descriptor left.
    heapBytes: () => getHeapStatistics().used_heap_size,
    authenticator: authentication,
    methods: methods ?? authentication.methods,
    policies,
    hooks,
    ...(hookTimeoutMs !== undefined && { hookTimeoutMs }),
    ...(options.access && { access: options.access }),
  })
  if (options.access === undefined && policies !== undefined) warnOfDenial(policies, log)
  const running = new RunningBroker({
    core,
    memory,
    log,
    ownLog,
    failed,
    authentication,
    tls,
    isGuarded,
    reread: options.reread,
    followsAccess: options.access === undefined,
  })
  try {
    await running.start(source)
    return running
  } catch (error) {
    await running.close()
    throw error
  }
}

/** Sockets on a path cannot be shared out by the system. */
function isForWorkers({ kind }: ListenerConfig): boolean {
  return kind !== 'unix'
}

function warnOfDenial({ policy }: Policies, log: Log): void {
  if (policy.rules.length > 0 || policy.isAllowingOtherwise) return
  log.warn('clients may connect and do nothing: there are no rules in access.rules or access.file')
}

/** A page of the database. */
const pageBytes = 4_096

async function openStore(config: Config): Promise<Store> {
  const { engine, dir: folder, maximumBytes } = config.store
  if (engine === 'memory') return createMemoryStore('elsewhere')
  const maxPages = maximumBytes === undefined ? undefined : Math.floor(maximumBytes / pageBytes)
  return createSqliteStore({ folder, ...(maxPages !== undefined && { maxPages }) })
}

interface BrokerParts extends Omit<ReloaderOptions, 'listeners' | 'followers'> {
  readonly failed: Promise<Error>
  readonly authentication: LiveAuthentication
  readonly memory: MemoryGuard
  /** By the position of the listener. */
  readonly tls: readonly (TlsFiles | undefined)[]
}

class RunningBroker implements Broker {
  readonly durability: DurabilityLevel
  readonly failed: Promise<Error>
  readonly #core: Core
  readonly #log: Log
  readonly #authentication: LiveAuthentication
  readonly #tls: readonly (TlsFiles | undefined)[]
  readonly #memory: MemoryGuard
  readonly #admission: Admission
  readonly #program: Program
  readonly #listeners: Listener[] = []
  readonly #reloader: Reloader
  #backEnd: BackEnd = netBackEnd
  #workers: IoWorkers | undefined
  #control: ControlSocket | undefined
  #tlsWatch: TlsWatch | undefined
  #ticking: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor(options: BrokerParts) {
    const { core, log, failed, tls, authentication, memory } = options
    this.durability = core.level
    this.failed = failed
    this.#core = core
    this.#log = log
    this.#authentication = authentication
    authentication.usersChanged = (names) => core.disconnectUsers(names)
    this.#tls = tls
    this.#memory = memory
    const { clock, statistics } = core
    const limits = () => core.config.limits
    this.#admission = new Admission({ limits, clock, statistics, log, memory })
    const followsUsers = (config: Config) => authentication.follow(config)
    this.#reloader = new Reloader({
      ...options,
      listeners: this.#listeners,
      followers: [followsUsers, async () => () => this.#workers?.debug(log.isOn('debug'))],
    })
    this.#program = new Program(core)
  }

  async start(source?: ConfigSource): Promise<void> {
    await this.#openBackEnd(source)
    // Before anybody can connect, so that no client finds its Session missing.
    await this.#core.start()
    // Listeners keep the process alive; a broker that is used in memory only does not.
    this.#ticking = setInterval(this.#ticker(), tickMs).unref()
    for (const [index, listener] of this.config.listeners.entries()) {
      const files = this.#tls[index]
      for (const warning of files?.warnings ?? []) this.#log.warn('TLS', { warning })
      const { url } = await this.#open(listener, files)
      this.#log.info('listening', { url })
    }
    this.#tlsWatch = await TlsWatch.start(this.config, this.#listeners, this.#log)
    const { engine, dir } = this.config.store
    if (engine === 'memory') return // there is no folder that would be ours alone
    const startedAt = this.#core.clock.now()
    const { addresses } = this
    const reload = () => this.reload()
    const administered = { core: this.#core, addresses, startedAt, reload }
    this.#control = await startControlSocket(dir, administered)
  }

  async #openBackEnd(source?: ConfigSource): Promise<void> {
    const { io, listeners, workers: count } = this.config
    if (listeners.some(isPlainTcp)) this.#backEnd = await openBackEnd(io, source)
    else if (count === 0) return
    const { name: backEnd, because } = this.#backEnd
    if (count > 0 && listeners.some(isForWorkers)) {
      this.#backEnd[Symbol.dispose]() // it works; each worker has its own
      this.#workers = await IoWorkers.start(count, { backEnd, log: this.#log }, source)
    }
    const why = because.length > 0 && { because: because.join('; ') }
    this.#log.info('input and output', { backEnd, ...why, ...(count > 0 && { workers: count }) })
  }

  /** Meets deadlines, and notices when it comes late to do so. */
  #ticker(): () => void {
    const { clock } = this.#core
    let dueAt = clock.now() + tickMs
    return () => {
      const now = clock.now()
      this.#admission.noteLag(now - dueAt)
      this.#memory.look()
      dueAt = now + tickMs
      this.#core.advance()
    }
  }

  async #open(options: ListenerConfig, files: TlsFiles | undefined): Promise<Listener> {
    const listener = await this.#listen(options, files)
    this.#listeners.push(listener)
    return listener
  }

  #listen(listener: ListenerConfig, files: TlsFiles | undefined): Promise<Listener> {
    const admission = this.#admission
    const accept = admitting(admission, (transport, entry) =>
      this.#core.accept(transport, listener.durability, entry),
    )
    if (this.#workers !== undefined && isForWorkers(listener)) {
      const { limits, mqtt } = this.config
      const place = { listener, config: { limits, mqtt }, material: files?.material }
      return this.#workers.listen(place, listener.kind, { admission, accept })
    }
    const { config } = this
    const log = this.#log
    const backEnd = this.#backEnd
    return startListener(listener, accept, { config, admission, log, files, backEnd })
  }

  get config(): Config {
    return this.#core.config
  }

  reload(input?: ConfigInput): Promise<Reloaded> {
    return this.#reloader.reload(input && { input })
  }

  get io(): Broker['io'] {
    const { name: backEnd, because } = this.#backEnd
    return { backEnd, because, workers: this.#workers?.count ?? 0 }
  }

  get addresses(): readonly Address[] {
    return this.#listeners.map(({ kind, url }) => ({ kind, url }))
  }

  get url(): string {
    const address = this.#listeners.find(({ kind }) => kind === 'tcp')
    if (address === undefined) throw new Error('this broker does not listen on TCP')
    return address.url
  }

  get losses(): Losses {
    return this.#core.losses
  }

  get statistics(): Statistics {
    return this.#core.statistics
  }

  publish(topicName: string, payload: string | Uint8Array, options?: PublishOptions) {
    return this.#program.publish(topicName, payload, options)
  }

  subscribe(topicFilter: string, consumer?: Consumer | SubscribeOptions, given?: SubscribeOptions) {
    return this.#program.subscribe(topicFilter, consumer, given)
  }

  connectInMemory(): Link {
    if (this.#closing !== undefined) throw new Error('this broker is closed')
    return connectInMemory((transport) => this.#core.accept(transport), this.#log)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    for (const listener of this.#listeners) listener.stopAccepting()
    this.#control?.stopAccepting()
    clearInterval(this.#ticking)
    this.#tlsWatch?.[Symbol.dispose]()
    this.#authentication[Symbol.dispose]()
    this.#program.close()
    try {
      await this.#core.stop()
    } finally {
      const open = [...this.#listeners, ...(this.#control === undefined ? [] : [this.#control])]
      await Promise.all(open.map((each) => each[Symbol.asyncDispose]()))
      if (this.#workers === undefined) this.#backEnd[Symbol.dispose]()
      await this.#workers?.[Symbol.asyncDispose]()
    }
    this.#log.info('stopped')
  }
}
