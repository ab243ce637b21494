import type { Link } from '@busbar/protocol'
import type { LiveAuthentication } from './access/live-authentication.ts'
import { type ControlSocket, startControlSocket } from './admin/control-socket.ts'
import { Admission } from './admission.ts'
import type { Address, Broker } from './broker.ts'
import type { Config, ConfigInput, ListenerConfig } from './config.ts'
import type { ConfigSource } from './config-error.ts'
import type { Core } from './core.ts'
import { Program, type PublishOptions, type SubscribeOptions } from './hooks/program.ts'
import type { Consumer } from './hooks/subscriber.ts'
import { type BackEnd, netBackEnd, openBackEnd } from './listener/io/back-end.ts'
import type { Listener } from './listener/listener.ts'
import { connectInMemory } from './listener/memory.ts'
import { admitting, isPlainTcp, startListener } from './listener/start.ts'
import type { TlsFiles } from './listener/tls-files.ts'
import { TlsWatch } from './listener/tls-watch.ts'
import { IoWorkers } from './listener/workers/io-workers.ts'
import type { Reloaded } from './live-config.ts'
import type { Log } from './log.ts'
import type { Losses } from './losses.ts'
import type { MemoryGuard } from './memory-guard.ts'
import { Reloader, type ReloaderOptions } from './reloader.ts'
import type { Statistics } from './statistics.ts'
import type { DurabilityLevel } from './store/store.ts'

/** How often deadlines are looked at. */
const tickMs = 100

/** Sockets on a path cannot be shared out by the system. */
function isForWorkers({ kind }: ListenerConfig): boolean {
  return kind !== 'unix'
}

interface BrokerParts extends Omit<ReloaderOptions, 'listeners' | 'followers'> {
  readonly failed: Promise<Error>
  readonly authentication: LiveAuthentication
  readonly memory: MemoryGuard
  /** By the position of the listener. */
  readonly tls: readonly (TlsFiles | undefined)[]
}

/** A broker with its listeners, from its start to its end. */
export class RunningBroker implements Broker {
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
