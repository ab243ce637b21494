import { type Client, type ClientOptions, lazyConnect } from '@busbar/client'
import { within } from '../deadline.ts'
import type { ClientCase, ClientTrial, Connected, Subscribed, Version } from './case.ts'
import { StandingClock } from './case.ts'
import { clientCases } from './cases.ts'
import { clientCoverage } from './coverage.ts'
import { type ConnackFields, connack, type Peer, RawServer, suback } from './raw-server.ts'

/** What became of one case under one version. */
export interface ClientResult {
  readonly id: string
  readonly version: Version
  readonly statements: readonly string[]
  readonly verdict: 'pass' | 'fail'
  readonly message?: string
}

/** Runs one case; rejects when the client does not do what it asks, with what went over the wire. */
export async function runClientCase(one: ClientCase, version: Version): Promise<void> {
  await using trial = new RunningTrial(version, await RawServer.start(version))
  try {
    await within(one.run(trial), 'the end of the case')
    for (const peer of trial.server.peers) peer.check()
  } catch (error) {
    const lines = trial.server.peers.flatMap(({ transcript }) => transcript.slice(-40))
    const text = error instanceof Error ? error.message : String(error)
    throw new Error([text, ...lines].join('\n'), { cause: error })
  }
}

/** Runs all cases, some at once. */
export async function runClientConformance(): Promise<readonly ClientResult[]> {
  const runs = clientCases.flatMap((one) => one.versions.map((version) => ({ one, version })))
  const results: ClientResult[] = []
  const queue = runs.entries()
  const worker = async () => {
    for (const [at, { one, version }] of queue) {
      const { id } = one
      const statements = countedFor(one.statements, version)
      results[at] = await runClientCase(one, version).then(
        () => ({ id, version, statements, verdict: 'pass' }),
        (error: Error) => ({ id, version, statements, verdict: 'fail', message: error.message }),
      )
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  return results
}

/** What the page says about a statement and the client. */
export interface ClientVerdict {
  readonly verdict: 'pass' | 'fail' | 'elsewhere' | 'not run'
  /** The cases, by their ids. */
  readonly cases: readonly string[]
  readonly note: string
}

/** Judges one statement that clients have to obey. */
export function judgeClient(id: string, results: readonly ClientResult[]): ClientVerdict {
  const own = results.filter(({ statements }) => statements.includes(id))
  const row = clientCoverage.find(({ statement }) => statement === id)
  const cases = [...new Set(own.map((result) => result.id))]
  if (own.some(({ verdict }) => verdict === 'fail')) return { verdict: 'fail', cases, note: '' }
  if (own.length > 0) return { verdict: 'pass', cases, note: '' }
  if (row === undefined) return { verdict: 'not run', cases, note: 'no case was run' }
  return { verdict: 'elsewhere', cases, note: `${row.kind}: ${row.reason}` }
}

/** The ids that a run under this version tests. */
export function countedFor(statements: readonly string[], version: Version): readonly string[] {
  return statements.filter((id) => id.startsWith('MQTT3-') === (version === 4))
}

class RunningTrial implements ClientTrial, AsyncDisposable {
  readonly version: Version
  readonly server: RawServer
  readonly #clients: Client[] = []

  constructor(version: Version, server: RawServer) {
    this.version = version
    this.server = server
  }

  start(options: ClientOptions = {}): Client {
    const { version, server } = this
    const usual: ClientOptions = { version, clientId: 'c', keepAlive: 0, reconnect: false }
    const client = lazyConnect(server.url, { ...usual, ...options })
    this.#clients.push(client)
    return client
  }

  async connect(options?: ClientOptions, fields?: ConnackFields): Promise<Connected> {
    const client = this.start(options)
    const peer = await this.reconnect(fields)
    await client.connected
    return { client, peer }
  }

  async reconnect(fields?: ConnackFields): Promise<Peer> {
    const peer = await this.server.accept()
    await peer.expect('connect')
    peer.send(connack(this.version, fields))
    return peer
  }

  async subscribe(options?: ClientOptions, fields?: ConnackFields): Promise<Subscribed> {
    const { client, peer } = await this.connect(options, fields)
    const subscribing = client.subscribe('#', { qos: 2, ack: 'manual' })
    const { packetId } = await peer.expect('subscribe')
    peer.send(suback(this.version, packetId, 2))
    return { client, peer, subscription: await subscribing }
  }

  clock(): StandingClock {
    return new StandingClock()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // First the server, so that no client waits for it.
    await this.server[Symbol.asyncDispose]()
    const closing = this.#clients.map((client) => client.close({ drainMs: 0 }))
    await within(Promise.all(closing), 'the end of the clients', 10_000)
  }
}
