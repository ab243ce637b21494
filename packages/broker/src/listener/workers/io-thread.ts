import { Worker } from 'node:worker_threads'
import type { Log } from '../../log.ts'
import { workerFile, workerOptions } from '../../worker-file.ts'
import type { BackEndName } from '../io/back-end.ts'
import { ListenError } from '../listener.ts'
import type { TlsMaterial } from '../tls-files.ts'
import { CoreEnd, type Reception } from './core-end.ts'
import type { Place, Reply, Request, WorkerStart } from './messages.ts'
import { createRing } from './shared-ring.ts'

export interface ThreadOptions {
  readonly backEnd: BackEndName
  /** By the number of the listener; it may grow. */
  readonly receptions: readonly Reception[]
  readonly log: Log
  /** Instead of the worker of the broker. */
  readonly file?: URL | undefined
}

/** Before a worker that has failed is started anew. */
const restartMs = 1_000

/** One worker, and the one that takes its place if it fails. */
export class IoThread {
  readonly #options: ThreadOptions
  readonly #number: number
  /** Open listeners by number, with the port that was taken. */
  readonly #places = new Map<number, Place>()
  readonly #awaited = new Map<string, (reply: Reply | undefined) => void>()
  #worker: Worker | undefined
  #end: CoreEnd | undefined
  #exited: Promise<unknown> = Promise.resolve()
  #restart: NodeJS.Timeout | undefined
  #isStopping = false

  private constructor(number: number, options: ThreadOptions) {
    this.#number = number
    this.#options = options
  }

  static async start(number: number, options: ThreadOptions): Promise<IoThread> {
    const thread = new IoThread(number, options)
    try {
      await thread.#start()
      return thread
    } catch (error) {
      await thread.stop()
      throw error
    }
  }

  /** Resolves with the url. Rejects with `ListenError`. */
  async listen(number: number, place: Place): Promise<string> {
    const reply = await this.#ask({ kind: 'listen', number, place }, 'listening')
    if (reply?.kind === 'cannot-listen') throw new ListenError(reply.text)
    if (reply?.kind !== 'listening') throw new Error('an I/O worker has ended at its start')
    const { url } = reply
    const { listener } = place
    const port = Number(new URL(url).port)
    this.#places.set(number, { ...place, listener: { ...listener, port } as typeof listener })
    return url
  }

  stopAccepting(number: number): void {
    this.#places.delete(number)
    this.#post({ kind: 'stop-accepting', number })
  }

  replaceFiles(number: number, material: TlsMaterial): void {
    const place = this.#places.get(number)
    if (place !== undefined) this.#places.set(number, { ...place, material })
    this.#post({ kind: 'replace-files', number, material })
  }

  debug(isOn: boolean): void {
    this.#post({ kind: 'debug', isOn })
  }

  /** Closes a listener with its connections. */
  async close(number: number): Promise<void> {
    this.#places.delete(number)
    await this.#end?.settled()
    await this.#ask({ kind: 'close', number }, 'closed')
  }

  async stop(): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restart)
    await this.#end?.settled()
    this.#post({ kind: 'stop' })
    await this.#exited
  }

  async #start(): Promise<void> {
    const { backEnd, receptions, log, file } = this.#options
    const rings = { toCore: createRing(), toWorker: createRing() }
    const workerData: WorkerStart = { rings, backEnd, isDebugged: log.isOn('debug') }
    const worker = new Worker(file ?? workerFile('io-worker', import.meta.url), {
      workerData,
      name: `busbar io ${this.#number}`,
      execArgv: workerOptions(process.execArgv),
    })
    const end = new CoreEnd(rings, receptions, log)
    this.#worker = worker
    this.#end = end
    const ready = this.#await('ready')
    let failure: unknown
    worker.on('message', (reply: Reply) => {
      if (reply.kind === 'failed') failure = reply.error
      else this.#receive(reply)
    })
    worker.on('error', (error) => {
      failure = error
    })
    this.#exited = new Promise<void>((resolve) => {
      worker.once('exit', () => {
        this.#ended(failure)
        resolve()
      })
    })
    if ((await ready) === undefined) throw failure ?? new Error('an I/O worker has not started')
  }

  #ended(failure: unknown): void {
    this.#worker = undefined
    for (const tell of [...this.#awaited.values()]) tell(undefined)
    this.#awaited.clear()
    this.#end?.lost()
    this.#end = undefined
    if (this.#isStopping) return
    const worker = this.#number
    this.#options.log.error('an I/O worker has failed, its connections are closed', {
      worker,
      error: failure ?? 'it ended by itself',
    })
    this.#restart = setTimeout(() => void this.#startAgain(), restartMs)
  }

  async #startAgain(): Promise<void> {
    const { log } = this.#options
    const worker = this.#number
    try {
      await this.#start()
      const places = [...this.#places]
      await Promise.all(places.map(([number, place]) => this.listen(number, place)))
      log.info('an I/O worker has been started anew', { worker })
    } catch (error) {
      if (this.#isStopping) return
      log.error('an I/O worker cannot be started anew', { worker, error })
      // Its end is the beginning of the next try.
      this.#post({ kind: 'stop' })
    }
  }

  #post(request: Request): void {
    this.#worker?.postMessage(request)
  }

  async #ask(
    request: Request & { readonly number: number },
    answer: Reply['kind'],
  ): Promise<Reply | undefined> {
    if (this.#worker === undefined) return undefined
    this.#post(request)
    return this.#await(`${answer} ${request.number}`)
  }

  #await(key: string): Promise<Reply | undefined> {
    return new Promise((resolve) => this.#awaited.set(key, resolve))
  }

  #receive(reply: Reply): void {
    switch (reply.kind) {
      case 'log':
        return this.#options.log[reply.level](reply.event, reply.fields)
      case 'ready':
        return this.#resolve('ready', reply)
      case 'cannot-listen':
        return this.#resolve(`listening ${reply.number}`, reply)
      case 'listening':
      case 'closed':
        return this.#resolve(`${reply.kind} ${reply.number}`, reply)
    }
  }

  #resolve(key: string, reply: Reply): void {
    const resolve = this.#awaited.get(key)
    this.#awaited.delete(key)
    resolve?.(reply)
  }
}
