import type { ClientUnderTest, OpenClient, OpenOptions } from './client-under-test.ts'
import { connack, goodAnswer, type Script, ScriptedServer } from './scripted-server.ts'

/** What one library did in one experiment. */
export interface Finding {
  readonly holds: boolean
  readonly outcome: string
}

/** One hostile or unlucky server, and what a client has to make of it. */
export interface Experiment {
  readonly id: string
  readonly name: string
  readonly must: string
  run(library: ClientUnderTest): Promise<Finding>
}

/** How long nothing may come before it counts as all that comes. */
export const silenceMs = 400

export const serve: Script = (packet, connection) => {
  const answer = goodAnswer(packet)
  if (answer !== undefined) connection.send(answer)
}

export function announcing(properties: Parameters<typeof connack>[0], rest: Script): Script {
  return (packet, connection) => {
    if (packet.type === 'connect') connection.send(connack(properties))
    else rest(packet, connection)
  }
}

/** Counts what becomes of many calls. */
export class Tally {
  resolved = 0
  rejected = 0
  readonly #all: number

  constructor(calls: readonly Promise<unknown>[]) {
    this.#all = calls.length
    for (const call of calls) {
      call.then(
        () => this.resolved++,
        () => this.rejected++,
      )
    }
  }

  get open(): number {
    return this.#all - this.resolved - this.rejected
  }

  /** Resolves when all are settled, or when nothing more is to be expected. */
  async settled(server: ScriptedServer): Promise<void> {
    for (let quiet = 0; this.open > 0 && quiet < 3; ) {
      const before = this.open
      await server.quiet(silenceMs)
      quiet = this.open === before ? quiet + 1 : 0
    }
  }
}

export interface Scene extends AsyncDisposable {
  readonly server: ScriptedServer
  readonly client: OpenClient
}

/** A server with this script and a connected client. */
export async function scene(
  library: ClientUnderTest,
  script: Script,
  options: OpenOptions = {},
): Promise<Scene> {
  const server = await ScriptedServer.start(script)
  const client = library.open(server.url, options)
  await client.connected
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await client.kill()
      await server[Symbol.asyncDispose]()
    },
  }
}

export function publishMany(client: OpenClient, count: number, qos: 0 | 1 | 2): Promise<void>[] {
  return Array.from({ length: count }, (_, n) => client.publish('experiment/topic', `${n}`, qos))
}

export function payloads(server: ScriptedServer): string[] {
  return server.received('publish').map(({ payload }) => Buffer.from(payload).toString())
}

export function ignore(calls: readonly Promise<unknown>[]): void {
  for (const call of calls) call.catch(() => {})
}
