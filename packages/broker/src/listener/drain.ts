import type { Socket } from 'node:net'

const nothing = new Uint8Array(0)

/**
 * Tells when a socket has handed all its bytes to the system. The `drain` event is not enough: it
 * comes only when more than the high-water mark had been waiting.
 */
export class Drain {
  readonly #socket: Socket
  readonly #drained: () => void
  #isWaiting = false

  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket
    this.#drained = drained
  }

  /** To be called after each write. */
  watch(): void {
    if (this.#isWaiting || this.#socket.writableLength === 0 || !this.#socket.writable) return
    this.#isWaiting = true
    // Behind everything that waits. Usually nothing does, so that no write needs a callback.
    this.#socket.write(nothing, this.#taken)
  }

  readonly #taken = (error?: Error | null) => {
    this.#isWaiting = false
    if (error || this.#socket.destroyed) return
    if (this.#socket.writableLength > 0) this.watch()
    else this.#drained()
  }
}
