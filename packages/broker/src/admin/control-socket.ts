import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathFault, withMask } from '../listener/unix-path.ts'
import { type Administered, handle, RequestError } from './handlers.ts'

/** Characters of a request at most, its newline not counted. */
export const longestRequest = 65_536

/** More at the same time are closed at once. */
const connectionsAtOnce = 16

/** How long nothing may be asked. */
const idleMs = 60_000

/** The same after a request that was too long. */
const refusedMs = 1_000

/** Where the control socket of a broker with this data folder is. Throws when it cannot be there. */
export function controlPath(folder: string): string {
  const path = join(folder, 'control.sock')
  const fault = pathFault(path)
  if (fault !== undefined) throw new Error(fault)
  return path
}

/** What is sent: one line of JSON for each request, in the order of the requests. */
export type ControlReply = { readonly answer: unknown } | { readonly error: string }

/** Takes requests until it is disposed of. */
export interface ControlSocket extends AsyncDisposable {
  /** Removes the socket file, and ends connections on which nothing is under way. */
  stopAccepting(): void
}

/**
 * Opens the control socket in the data folder, which the lock of the store keeps for this broker
 * alone. Whoever may open it, which is the user of the broker, may do everything: no one else may.
 * Undefined, and said in the log, when there cannot be one: MQTT works without.
 */
export async function startControlSocket(
  folder: string,
  at: Administered,
): Promise<ControlSocket | undefined> {
  const { log } = at.core
  // A named pipe would be open to other users: its access list is not in our hands.
  if (process.platform === 'win32') return undefined
  try {
    const path = controlPath(folder)
    removeStale(path)
    const socket = new ListeningControlSocket(at)
    await socket.listen(path)
    return socket
  } catch (error) {
    const reason = text(error)
    log.warn('no control socket, so that `busbar status` and the like do not work', { reason })
    return undefined
  }
}

/** What a broker that was killed has left. The folder is ours, so nobody listens there. */
function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new Error(`${path} is there and no socket; move it away`)
  rmSync(path)
}

class ListeningControlSocket implements ControlSocket {
  readonly #server: Server
  readonly #conversations = new Set<Conversation>()
  readonly #closed: Promise<void>

  constructor(at: Administered) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const conversation = new Conversation(socket, at)
      this.#conversations.add(conversation)
      socket.once('close', () => this.#conversations.delete(conversation))
    })
    this.#server.maxConnections = connectionsAtOnce
    // It does not keep a process alive that has no listener.
    this.#server.unref()
    this.#closed = new Promise((resolve) => this.#server.once('close', resolve))
  }

  async listen(path: string): Promise<void> {
    const server = this.#server
    const listening = new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.once('listening', () => {
        server.off('error', reject)
        server.on('error', () => {}) // of accepting: whoever asked sees it
        resolve()
      })
    })
    withMask(0o177, () => server.listen(path))
    await listening
    chmodSync(path, 0o600)
  }

  stopAccepting(): void {
    // That also removes the file.
    this.#server.close()
    for (const conversation of this.#conversations) conversation.finish()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopAccepting()
    await this.#closed
  }
}

/** One connection: requests are carried out one after the other, and no more is read meanwhile. */
class Conversation {
  readonly #socket: Socket
  readonly #at: Administered
  #text = ''
  #isBusy = false
  #isEnding = false
  #isRefused = false

  constructor(socket: Socket, at: Administered) {
    this.#socket = socket
    this.#at = at
    socket.setEncoding('utf8')
    socket.setTimeout(idleMs)
    socket.on('timeout', () => {
      if (!this.#isBusy) socket.destroy()
    })
    socket.on('error', () => socket.destroy())
    socket.on('data', (text: string) => {
      if (this.#isRefused) return
      this.#text += text
      this.#next()
    })
    socket.on('end', () => this.finish())
  }

  /** Ends when what has come is answered. */
  finish(): void {
    this.#isEnding = true
    if (!this.#isBusy) this.#socket.destroySoon()
  }

  #next(): void {
    if (this.#isBusy || this.#socket.destroyed) return
    const end = this.#text.indexOf('\n')
    const length = end < 0 ? this.#text.length : end
    if (length > longestRequest) {
      this.#refuse({ error: `A request has ${longestRequest} characters at most` })
    } else if (end < 0) {
      if (this.#isEnding) this.#socket.destroySoon()
      else this.#socket.resume()
    } else {
      const line = this.#text.slice(0, end)
      this.#text = this.#text.slice(end + 1)
      this.#isBusy = true
      this.#socket.pause()
      void answer(line, this.#at).then((reply) => this.#reply(reply))
    }
  }

  /** The rest is read and thrown away for a moment, else the reply could be lost with it. */
  #refuse(reply: ControlReply): void {
    this.#isRefused = true
    this.#text = ''
    this.#socket.setTimeout(refusedMs)
    this.#socket.end(lineOf(reply))
    this.#socket.resume()
  }

  #reply(reply: ControlReply): void {
    // Taken by the system before the next request is: so a client that does not read waits.
    this.#socket.write(lineOf(reply), () => {
      this.#isBusy = false
      this.#next()
    })
  }
}

const lineOf = (reply: ControlReply) => `${JSON.stringify(reply)}\n`

async function answer(line: string, at: Administered): Promise<ControlReply> {
  try {
    const { request, ...given } = readRequest(line)
    return { answer: await handle(at, request, given) }
  } catch (error) {
    if (error instanceof RequestError) return { error: error.message }
    at.core.log.error('a request failed', { error })
    return { error: `The broker could not do that: ${text(error)}. Its log has more` }
  }
}

function readRequest(line: string): { request: string } {
  let request: unknown
  try {
    request = JSON.parse(line)
  } catch (error) {
    throw new RequestError(`A request is one line of JSON: ${text(error)}`)
  }
  if (typeof request !== 'object' || request === null || !('request' in request)) {
    throw new RequestError('A request is an object with its name, such as {"request":"status"}')
  }
  const { request: name } = request
  if (typeof name !== 'string') throw new RequestError('The name of a request is text')
  return { ...request, request: name }
}

const text = (error: unknown) => (error instanceof Error ? error.message : String(error))
