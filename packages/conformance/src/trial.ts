import { randomBytes } from 'node:crypto'
import type { ConnectOptions, Pair, Trial } from './case.ts'
import { ConnectedPeer, type SubscribeOptions } from './connected-peer.ts'
import type { Text, Version } from './data-types.ts'
import { CaseFailure, CaseSkipped } from './failure.ts'
import { Leftovers } from './leftovers.ts'
import { connect } from './packets.ts'
import { delay, RawPeer, type RejectOptions } from './raw-peer.ts'
import type { Received } from './received.ts'
import type { Violation } from './violations.ts'
import { openWebSocket, type UpgradeOptions, type WebSocketWire } from './websocket.ts'
import { openSocket, SocketWire, type Wire } from './wire.ts'

// Two runs against one broker must not meet each other's sessions and retained messages.
const process = randomBytes(3).toString('hex')
let trials = 0

/** The run of one case; disposing it closes what it opened and removes what would stay. */
export class RunningTrial implements Trial, AsyncDisposable {
  readonly version: Version
  readonly url: URL
  readonly peers: RawPeer[] = []
  readonly #prefix: string
  readonly #wires: WebSocketWire[] = []
  readonly #leftovers = new Leftovers()
  #identifiers = 0
  #isOver = false

  constructor(url: URL, version: Version) {
    this.url = url
    this.version = version
    trials += 1
    this.#prefix = `${process}${trials.toString(36)}`
  }

  id(name?: string): string {
    if (name === undefined) {
      this.#identifiers += 1
      return `${this.#prefix}N${this.#identifiers}`
    }
    const identifier = `${this.#prefix}x${name}`
    if (!/^[0-9a-zA-Z]{1,23}$/.test(identifier)) throw new Error(`too long a name: ${name}`)
    return identifier
  }

  topic(rest?: string): string {
    const prefix = `conformance/${this.#prefix}`
    return rest === undefined ? prefix : `${prefix}/${rest}`
  }

  async open({ version = this.version }: { readonly version?: Version } = {}): Promise<RawPeer> {
    return this.#keep(new RawPeer(await this.#openWire(), version))
  }

  async openWebSocket(options: UpgradeOptions = {}): Promise<WebSocketWire> {
    const wire = await openWebSocket(this.url, options)
    this.#wires.push(wire)
    return wire
  }

  over(wire: WebSocketWire): RawPeer {
    return this.#keep(new RawPeer(wire, this.version))
  }

  async connect(options: ConnectOptions = {}): Promise<ConnectedPeer> {
    const version = options.version ?? this.version
    const clientId = options.clientId ?? this.id()
    const name = typeof clientId === 'string' ? clientId : ''
    const peer = this.#keep(new ConnectedPeer(await this.#openWire(), version, name))
    const fields = { ...options, version, clientId }
    await peer.accept(connect(fields))
    this.#leftovers.noteConnect(fields)
    return peer
  }

  async refused(
    options: ConnectOptions,
    reasonCodes: readonly number[],
    rejectOptions?: RejectOptions,
  ): Promise<Received | undefined> {
    const peer = await this.open({ version: options.version ?? this.version })
    peer.send(this.connectBytes(options))
    return await peer.rejects(reasonCodes, rejectOptions)
  }

  connectBytes(options: ConnectOptions = {}): Uint8Array {
    const clientId = options.clientId ?? this.id()
    return connect({ version: this.version, ...options, clientId })
  }

  async subscriber(
    filter: Text = this.topic(),
    {
      connect: connectOptions = {},
      ...options
    }: SubscribeOptions & {
      readonly connect?: ConnectOptions
    } = {},
  ): Promise<ConnectedPeer> {
    const peer = await this.connect(connectOptions)
    await peer.subscribe(filter, options)
    return peer
  }

  async pair({
    topic = this.topic(),
    ...options
  }: SubscribeOptions & { readonly topic?: string } = {}): Promise<Pair> {
    const [publisher, subscriber] = await Promise.all([
      this.connect(),
      this.subscriber(topic, options),
    ])
    return { publisher, subscriber, topic }
  }

  async withWill(
    options: ConnectOptions = {},
  ): Promise<{ readonly client: ConnectedPeer; readonly watcher: ConnectedPeer }> {
    // A topic of its own for each, so that a case can have several.
    const clientId = typeof options.clientId === 'string' ? options.clientId : this.id()
    const topic = this.topic(`will/${clientId}`)
    const will = { topic, payload: 'will', ...options.will }
    const watcher = await this.subscriber(will.topic)
    return { watcher, client: await this.connect({ ...options, clientId, will }) }
  }

  async each<Row>(
    rows: Readonly<Record<string, Row>>,
    check: (row: Row, name: string) => Promise<void>,
  ): Promise<void> {
    const outcomes = await Promise.allSettled(
      Object.entries(rows).map(async ([name, row]) => await check(row, name)),
    )
    const failures = outcomes.flatMap((outcome, at) =>
      outcome.status === 'rejected'
        ? [{ name: Object.keys(rows)[at], reason: outcome.reason }]
        : [],
    )
    const [first] = failures
    if (first === undefined) return
    if (!(first.reason instanceof CaseFailure)) throw first.reason
    const others = failures.length > 1 ? ` (and ${failures.length - 1} more rows)` : ''
    const { message, transcript } = first.reason
    throw new CaseFailure(`${first.name}: ${message}${others}`, transcript)
  }

  async delay(ms: number): Promise<void> {
    await delay(ms)
  }

  fail(message: string): never {
    throw new CaseFailure(message)
  }

  check(condition: boolean, message: string): void {
    if (!condition) this.fail(message)
  }

  skip(reason: string): never {
    throw new CaseSkipped(reason)
  }

  /** What the Server broke in passing on any connection of this run. */
  get violations(): readonly Violation[] {
    return this.peers.flatMap((peer) => peer.violations)
  }

  /** The connections of this run, or of many the one on which the failure was found. */
  transcriptOf(error: unknown): readonly string[] {
    if (this.peers.length > 4 && error instanceof CaseFailure) return error.transcript ?? []
    return this.peers.flatMap(({ transcript }, at) => transcript.map((line) => `${at + 1} ${line}`))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true
    for (const wire of this.#wires) wire.abort()
    await Promise.all(this.peers.map((peer) => peer[Symbol.asyncDispose]()))
    for (const peer of this.peers) {
      if (!(peer instanceof ConnectedPeer)) continue
      for (const topic of peer.retainedTopics) this.#leftovers.noteRetained(topic)
    }
    const own = { version: this.version, clientId: this.id() }
    await this.#leftovers.remove(own, () => this.#openWire())
  }

  async #openWire(): Promise<Wire> {
    if (!this.url.protocol.startsWith('ws')) return new SocketWire(await openSocket(this.url))
    const wire = await openWebSocket(this.url)
    if (!wire.isUpgraded) this.fail(`the upgrade was refused with ${wire.response.status}`)
    return wire
  }

  #keep<Peer extends RawPeer>(peer: Peer): Peer {
    // A case that ran out of time may still be opening connections.
    if (this.#isOver) peer.abort()
    this.peers.push(peer)
    return peer
  }
}
