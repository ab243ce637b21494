import type { SocketTransport } from './socket-transport.ts'

const generations = 0x1000000

/**
 * The sockets of a back end by a number that goes through the kernel. A slot is used again: what
 * comes late for the one before is known by its generation, of 24 bits.
 */
export class Slots {
  readonly #sockets: (SocketTransport | undefined)[] = []
  readonly #free: number[] = []
  #generation = 0

  add(socket: SocketTransport): void {
    socket.slot = this.#free.pop() ?? this.#sockets.length
    this.#generation = (this.#generation + 1) % generations
    socket.generation = this.#generation
    this.#sockets[socket.slot] = socket
  }

  get(slot: number, generation: number): SocketTransport | undefined {
    const socket = this.#sockets[slot]
    return socket?.generation === generation ? socket : undefined
  }

  delete(socket: SocketTransport): void {
    this.#sockets[socket.slot] = undefined
    this.#free.push(socket.slot)
  }
}
