import { type MessagePort, parentPort, workerData } from 'node:worker_threads'
import { SqliteEngine } from './sqlite-engine.ts'
import { explain, isFull } from './sqlite-errors.ts'
import type { Reply, Request, WorkerOptions } from './sqlite-messages.ts'

/** Between two steps in which the file becomes smaller. */
const SHRINK_EVERY_MS = 20

/** How long what was only written may stay unsynced. */
const SYNC_EVERY_MS = 1_000

const options = workerData as WorkerOptions
if (parentPort === null) throw new Error('sqlite-worker is not a program')
start(parentPort)

function start(port: MessagePort): void {
  let engine: SqliteEngine
  try {
    engine = new SqliteEngine(options)
  } catch (error) {
    port.postMessage(failure(error))
    port.close()
    return
  }
  port.postMessage({ kind: 'opened' } satisfies Reply)
  serve(port, engine)
}

function failure(error: unknown): Reply {
  return { kind: 'failed', reason: explain(error, options.folder).message }
}

function serve(port: MessagePort, engine: SqliteEngine): void {
  const reply = (message: Reply, transfer: ArrayBuffer[] = []) =>
    port.postMessage(message, transfer)
  let isStopping = false
  let isIdle = false
  let backup: Promise<void> | undefined

  /** A failed sync is not retried: what the file holds then is not known. */
  const fail = (error: unknown) => {
    isStopping = true
    port.off('message', receive)
    clearInterval(syncing)
    // The copy is made on yet another thread, which has to leave the database first.
    void (backup ?? Promise.resolve()).then(() => {
      engine.abandon()
      // Only now, because whoever hears it may end this thread.
      reply(failure(error))
      port.close()
    })
  }
  const guarded = (work: () => void) => {
    try {
      work()
    } catch (error) {
      if (!isFull(error)) fail(error)
    }
  }
  const syncing = setInterval(() => {
    guarded(() => engine.sync())
    // Nothing has come since the last time.
    if (isIdle) shrink()
    isIdle = true
  }, SYNC_EVERY_MS)

  const shrink = () => {
    if (isStopping || !isIdle || backup !== undefined) return
    guarded(() => {
      if (engine.shrink()) setTimeout(shrink, SHRINK_EVERY_MS)
    })
  }

  let isCollecting = false
  const collect = () => {
    if (isCollecting || !engine.hasLoose) return
    isCollecting = true
    setImmediate(() => {
      isCollecting = false
      if (isStopping) return
      guarded(() => {
        engine.collect()
        collect()
      })
    })
  }

  const close = () => {
    try {
      engine.close()
      reply({ kind: 'closed' })
      port.close()
    } catch (error) {
      fail(error)
    }
  }

  const answer = (request: Request): void => {
    switch (request.kind) {
      case 'scan': {
        const scan = engine.scan()
        reply({ kind: 'scanned', scan }, [
          scan.inFlight.numbers.buffer,
          scan.inFlight.bytes.buffer,
          scan.retained.numbers.buffer,
          scan.retained.bytes.buffer,
        ])
        break
      }
      case 'group':
        isIdle = false
        engine.apply(request.group, request.sync)
        reply({ kind: 'applied' })
        break
      case 'page': {
        const { session, after, until, limit } = request
        const packed = engine.page(session, after, until, limit)
        reply({ kind: 'page', packed }, [packed.numbers.buffer, packed.bytes.buffer])
        break
      }
      case 'backup': {
        const { file, overwrite } = request
        const ended = (reason?: string) => {
          backup = undefined
          reply({ kind: 'backed-up', reason })
        }
        backup = engine.backup(file, { overwrite, isStopped: () => isStopping }).then(
          () => ended(),
          (error: Error) => ended(error.message),
        )
        break
      }
      case 'close':
        isStopping = true
        clearInterval(syncing)
        void (backup ?? Promise.resolve()).then(close)
        return
    }
    collect()
  }

  const receive = (request: Request) => {
    try {
      answer(request)
    } catch (error) {
      if (isFull(error) && request.kind === 'group') {
        reply({ kind: 'full', reason: explain(error, options.folder).message })
        guarded(() => engine.makeRoom())
      } else fail(error)
    }
  }
  port.on('message', receive)
}
