import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import type { Log, LogFields, LogLevel } from '../../log.ts'
import { type BackEnd, openBackEnd } from '../io/back-end.ts'
import { slabMemory } from '../io/system.ts'
import { ListenError, type Listener } from '../listener.ts'
import { startListener } from '../start.ts'
import { tlsFilesOf } from '../tls-files.ts'
import type { Place, Reply, Request, WorkerStart } from './messages.ts'
import { WorkerEnd } from './worker-end.ts'

if (parentPort === null) throw new Error('io-worker is not a program')

/** A worker that cannot close what it holds does not stay. */
const endingMs = 5_000

/** Holds the sockets of some of the clients. */
class IoWorker {
  readonly #port: MessagePort
  readonly #end: WorkerEnd
  readonly #backEnd: BackEnd
  readonly #listeners = new Map<number, Listener>()
  #isDebugged: boolean
  #isFailing = false

  constructor(port: MessagePort, { rings, isDebugged }: WorkerStart, backEnd: BackEnd) {
    this.#port = port
    this.#end = new WorkerEnd(rings, backEnd.name === 'net' ? undefined : slabMemory)
    this.#backEnd = backEnd
    this.#isDebugged = isDebugged
    port.on('message', (request: Request) => void this.#follow(request))
    // What system calls have opened nobody else would close, and Node ends the process for it.
    process.on('uncaughtException', (error) => void this.#fail(error))
    this.#reply({ kind: 'ready' })
  }

  async #follow(request: Request): Promise<void> {
    // What was ordered before comes first, the last words of connections among it.
    this.#end.readAll()
    switch (request.kind) {
      case 'listen':
        return this.#listen(request.number, request.place)
      case 'stop-accepting':
        return this.#listeners.get(request.number)?.stopAccepting()
      case 'replace-files':
        this.#listeners.get(request.number)?.replaceFiles?.(tlsFilesOf(request.material))
        return
      case 'close':
        await this.#close(request.number)
        return this.#reply({ kind: 'closed', number: request.number })
      case 'debug':
        this.#isDebugged = request.isOn
        return
      case 'stop':
        setTimeout(() => process.exit(1), endingMs).unref()
        await this.#stop()
        this.#port.close()
    }
  }

  async #listen(number: number, { listener, config, material }: Place): Promise<void> {
    try {
      const opened = await startListener(listener, this.#end.accept(number), {
        config,
        admission: {
          enter: (address, { isCostly }) => this.#end.knock(number, address, isCostly),
        },
        log: this.#log,
        files: material && tlsFilesOf(material),
        backEnd: this.#backEnd,
        sharesPort: true,
      })
      this.#listeners.set(number, opened)
      this.#reply({ kind: 'listening', number, url: opened.url })
    } catch (error) {
      if (!(error instanceof ListenError)) throw error
      this.#reply({ kind: 'cannot-listen', number, text: error.message })
    }
  }

  async #close(number: number): Promise<void> {
    await this.#listeners.get(number)?.[Symbol.asyncDispose]()
    this.#listeners.delete(number)
  }

  async #stop(): Promise<void> {
    await Promise.all([...this.#listeners.keys()].map((number) => this.#close(number)))
    this.#end.stop()
    this.#backEnd[Symbol.dispose]()
  }

  async #fail(error: unknown): Promise<void> {
    if (this.#isFailing) return
    this.#isFailing = true
    setTimeout(() => process.exit(1), endingMs).unref()
    this.#reply({ kind: 'failed', error })
    await this.#stop()
    // At the end of the next turn what the back end closes has been closed.
    setImmediate(() => setImmediate(() => process.exit(1)))
  }

  #reply(reply: Reply): void {
    this.#port.postMessage(reply)
  }

  readonly #log: Log = {
    isOn: (level) => level !== 'debug' || this.#isDebugged,
    error: (event, fields) => this.#tell('error', event, fields),
    warn: (event, fields) => this.#tell('warn', event, fields),
    info: (event, fields) => this.#tell('info', event, fields),
    debug: (event, fields) => this.#tell('debug', event, fields),
  }

  #tell(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (this.#log.isOn(level)) this.#reply({ kind: 'log', level, event, fields })
  }
}

const start = workerData as WorkerStart
new IoWorker(parentPort, start, await openBackEnd(start.backEnd))
