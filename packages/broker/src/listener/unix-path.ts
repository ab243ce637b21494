import { chmodSync, existsSync, lstatSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { backlog, ListenError } from './listener.ts'

export interface PathOptions {
  readonly path: string
  /** Octal, as in `0660`. */
  readonly mode: string
}

/** Bytes of a path that the system takes for a socket; one more ends it. */
const longestPath = process.platform === 'linux' ? 107 : 103

/** Why a socket cannot have this path, if it is too long for one. */
export function pathFault(path: string): string | undefined {
  const length = Buffer.byteLength(path)
  if (length <= longestPath) return undefined
  return `the path of ${path} is too long for a socket: it has ${length} bytes, ${longestPath} are allowed`
}

/** Makes the socket file, in the place of one that was left behind. Throws `ListenError`. */
export async function listenOnPath(server: Server, { path, mode }: PathOptions): Promise<void> {
  const cannot = (reason: string, cause?: unknown) =>
    new ListenError(`Cannot listen on ${path}: ${reason}.`, { cause })
  if (process.platform === 'win32') throw cannot('there are no Unix sockets on Windows')
  const fault = pathFault(path)
  if (fault !== undefined) throw cannot(fault)
  // The system would call that a lack of permission.
  if (!existsSync(dirname(path))) throw cannot('its folder is not there')
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found !== undefined) {
    if (!found.isSocket()) throw cannot('there is a file that is no socket; move it away')
    if (await isAnswered(path)) throw cannot('another program listens there')
    rmSync(path)
  }
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  withMask(0o177, () => server.listen({ path, backlog }, resolve))
  try {
    await promise
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    throw cannot(code === 'EACCES' ? 'this user may not write to its folder' : message, error)
  }
  server.off('error', reject)
  chmodSync(path, Number.parseInt(mode, 8))
}

/** Whether somebody listens on a socket that is there already. */
function isAnswered(path: string): Promise<boolean> {
  const socket = connect(path)
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(true))
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  }).finally(() => socket.destroy()) as Promise<boolean>
}

/** The socket is never there with another mode, not even until `chmod`. */
export function withMask(mask: number, work: () => void): void {
  if (!isMainThread) return work() // the mask belongs to the process
  const before = process.umask(mask)
  try {
    work()
  } finally {
    process.umask(before)
  }
}
