import { randomBytes } from 'node:crypto'
import { getHeapStatistics } from 'node:v8'
import type { Link } from '@busbar/protocol'
import type { Access } from './access/access.ts'
import type { Policies } from './access/access-control.ts'
import type { AuthenticationMethod, Authenticator } from './access/authenticator.ts'
import { LiveAuthentication } from './access/live-authentication.ts'
import { systemClock } from './clock.ts'
import type { Config, ConfigInput, ListenerConfig } from './config.ts'
import { openChecked } from './config-check.ts'
import type { ConfigSource } from './config-error.ts'
import { type Core, createBroker } from './core.ts'
import { setHeapGrowth } from './heap-growth.ts'
import type { Hook } from './hooks/hook.ts'
import type { ProgramSubscription, PublishOptions, SubscribeOptions } from './hooks/program.ts'
import type { Consumer } from './hooks/subscriber.ts'
import type { BackEndName } from './listener/io/back-end.ts'
import { slabMemory } from './listener/io/system.ts'
import { atEndOfTurn, inTurn } from './listener/io/turn.ts'
import type { Reloaded } from './live-config.ts'
import { createLog, type Log, silentLog } from './log.ts'
import type { Losses } from './losses.ts'
import { MemoryGuard, memoryOfProcess } from './memory-guard.ts'
import type { UncheckedConfig } from './reloader.ts'
import { RunningBroker } from './running-broker.ts'
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
  /** The process is there for the broker alone, which may set when V8 collects its garbage. */
  readonly ownsProcess?: boolean
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
    grow: options.ownsProcess === true ? setHeapGrowth : undefined,
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
