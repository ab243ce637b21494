import { randomBytes } from 'node:crypto'
import type { Link } from '@busbar/protocol'
import type { Access } from './access/access.ts'
import type { Policies } from './access/access-control.ts'
import type { AuthenticationMethod, Authenticator } from './access/authenticator.ts'
import { loadPolicies } from './access/load-policies.ts'
import { type OpenAuthentication, openAuthentication } from './access/open-authentication.ts'
import { type ControlSocket, startControlSocket } from './admin/control-socket.ts'
import { systemClock } from './clock.ts'
import { type Config, type ConfigInput, type ListenerConfig, parseConfig } from './config.ts'
import type { ConfigSource } from './config-error.ts'
import { type Core, createBroker } from './core.ts'
import { allowsAnonymous, hasAuthentication, passwordFileOf, refuseExposure } from './exposure.ts'
import type { Accept, Listener } from './listener/listener.ts'
import { connectInMemory } from './listener/memory.ts'
import { startTcpListener } from './listener/tcp.ts'
import { startWebSocketListener } from './listener/websocket.ts'
import { createLog, type Log } from './log.ts'
import type { Losses } from './losses.ts'
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
  /** Instead of standard error. */
  readonly log?: Log
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
  const config = parseConfig(input, options.source)
  const { source, authenticators = [], methods } = options
  const isGuarded = authenticators.length > 0 || (methods ?? []).length > 0
  refuseExposure(config, isGuarded, source)
  const log = options.log ?? createLog(config.log)
  const policies = await loadPolicies(config, hasAuthentication(config, isGuarded))
  const random = { bytes: (count: number) => randomBytes(count) }
  const authentication = await openAuthentication({
    config,
    clock: systemClock,
    random,
    log,
    authenticators,
    passwordFile: passwordFileOf(config),
    allowAnonymous: allowsAnonymous(config, isGuarded),
    source,
  })
  const store = await openStore(config)
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<Error>((resolve) => {
    fail = resolve
  })
  const core = createBroker({
    config,
    clock: systemClock,
    random,
    store,
    log,
    schedule: setImmediate,
    storeFailed: fail,
    heapBytes: () => process.memoryUsage().heapUsed,
    authenticator: authentication.authenticator,
    methods: methods ?? authentication.methods,
    policies,
    ...(options.access && { access: options.access }),
  })
  if (options.access === undefined && policies !== undefined) warnOfDenial(policies, log)
  const running = new RunningBroker({ core, log, failed, authentication })
  try {
    await running.start()
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
  if (engine === 'memory') return createMemoryStore()
  const maxPages = maximumBytes === undefined ? undefined : Math.floor(maximumBytes / pageBytes)
  return createSqliteStore({ folder, ...(maxPages !== undefined && { maxPages }) })
}

interface BrokerParts {
  readonly core: Core
  readonly log: Log
  readonly failed: Promise<Error>
  readonly authentication: OpenAuthentication
}

class RunningBroker implements Broker {
  readonly config: Config
  readonly durability: DurabilityLevel
  readonly failed: Promise<Error>
  readonly #core: Core
  readonly #log: Log
  readonly #authentication: OpenAuthentication
  readonly #listeners: Listener[] = []
  #control: ControlSocket | undefined
  #ticking: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined

  constructor({ core, log, failed, authentication }: BrokerParts) {
    this.config = core.config
    this.durability = core.level
    this.failed = failed
    this.#core = core
    this.#log = log
    this.#authentication = authentication
    authentication.usersChanged = (names) => core.disconnectUsers(names)
  }

  async start(): Promise<void> {
    // First of all, so that no client finds its Session missing.
    await this.#core.start()
    // Listeners keep the process alive; a broker that is used in memory only does not.
    this.#ticking = setInterval(() => this.#core.advance(), tickMs).unref()
    for (const listener of this.config.listeners) {
      const { url } = await this.#open(listener)
      this.#log.info('listening', { url })
    }
    const { engine, dir } = this.config.store
    if (engine === 'memory') return // there is no folder that would be ours alone
    const startedAt = this.#core.clock.now()
    const { addresses } = this
    this.#control = await startControlSocket(dir, { core: this.#core, addresses, startedAt })
  }

  async #open(options: ListenerConfig): Promise<Listener> {
    const accept: Accept = (transport) => this.#core.accept(transport, options.durability)
    const listener = await startListener(options, this.config, accept, this.#log)
    this.#listeners.push(listener)
    return listener
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
    await this.#authentication[Symbol.asyncDispose]()
    try {
      await this.#core.stop()
    } finally {
      const open = [...this.#listeners, ...(this.#control === undefined ? [] : [this.#control])]
      await Promise.all(open.map((each) => each[Symbol.asyncDispose]()))
    }
    this.#log.info('stopped')
  }
}

function startListener(
  options: ListenerConfig,
  { limits, mqtt }: Config,
  accept: Accept,
  log: Log,
): Promise<Listener> {
  const { host, port } = options
  const portOptions = { host, port, closeTimeoutMs: limits.closeTimeoutSeconds * 1_000 }
  if (options.kind === 'tcp') return startTcpListener(portOptions, accept, log)
  const webSocketOptions = {
    ...portOptions,
    path: options.path,
    maximumPacketSize: mqtt.maximumPacketSize,
    connectBytes: limits.connectBytes,
    handshakeTimeoutMs: limits.connectTimeoutSeconds * 1_000,
  }
  return startWebSocketListener(webSocketOptions, accept, log)
}
