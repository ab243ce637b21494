import type { Sockets } from './acceptor.ts'
import { Slots } from './slots.ts'
import type { SocketTransport } from './socket-transport.ts'
import {
  EAGAIN,
  EINTR,
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  epollDataAt,
  epollEventBytes,
  type Region,
  SHUT_WR,
  type System,
  type Watcher,
} from './system.ts'

/** Asked of the kernel at once; the others have their turn after libuv's own events. */
const eventsAtOnce = 256
const readBytes = 262_144
/** Output that is joined to one piece before it is sent. */
const joinBytes = 65_536

/** Longest time that the event loop is kept from its timers, looked at every few sockets. */
const turnMs = 1
const looks = 8

/**
 * Sockets on an epoll of our own, which libuv watches as one descriptor: for a message alone there
 * is one read and one write, without the plumbing of streams around them.
 */
export class EpollSockets implements Sockets, Disposable {
  readonly #system: System
  readonly #epoll: number
  readonly #watcher: Watcher
  readonly #slots = new Slots()
  /** What the kernel watches each socket for; 0: it is not in the epoll. By slot. */
  readonly #interests: number[] = []
  readonly #events: Region
  /** Events that were asked for and not dealt with yet: from `next` to before `count`. */
  #next = 0
  #count = 0
  readonly #eventsView: DataView
  readonly #event = new DataView(new ArrayBuffer(epollEventBytes))
  readonly #input: Region
  readonly #joined = new Uint8Array(joinBytes)

  constructor(system: System) {
    this.#system = system
    this.#events = system.region(eventsAtOnce * epollEventBytes)
    this.#eventsView = new DataView(this.#events.buffer)
    this.#input = system.region(readBytes)
    this.#epoll = system.createEpoll()
    this.#watcher = system.watch(this.#epoll, () => this.#turn())
  }

  /** All sockets have been closed before. */
  [Symbol.dispose](): void {
    this.#watcher.close()
    this.#system.libc.close(this.#epoll)
    this.#system.giveBack(this.#events)
    this.#system.giveBack(this.#input)
  }

  add(socket: SocketTransport): void {
    this.#slots.add(socket)
    this.#interests[socket.slot] = 0
    this.#watch(socket, EPOLLIN)
  }

  write(socket: SocketTransport, bytes: Uint8Array): void {
    if (socket.output.length > 0) return socket.output.push(bytes)
    const sent = this.#send(socket, bytes)
    if (sent === bytes.length || sent < 0) return
    socket.output.push(sent === 0 ? bytes : bytes.subarray(sent))
    socket.isBlocked = true
    this.#watch(socket, this.#interestOf(socket) | EPOLLOUT)
  }

  flush(): void {} // nothing is put off

  resume(socket: SocketTransport): void {
    if ((this.#interestOf(socket) & EPOLLIN) === 0 && !socket.hasPeerEnded)
      this.#watch(socket, this.#interestOf(socket) | EPOLLIN)
  }

  finish(socket: SocketTransport): void {
    this.#system.libc.shutdown(socket.descriptor, SHUT_WR)
  }

  close(socket: SocketTransport): void {
    this.#slots.delete(socket)
    this.#system.libc.close(socket.descriptor) // which takes it out of the epoll
  }

  #interestOf(socket: SocketTransport): number {
    return this.#interests[socket.slot] as number
  }

  #watch(socket: SocketTransport, interest: number): void {
    const before = this.#interestOf(socket)
    if (before === interest) return
    this.#interests[socket.slot] = interest
    this.#event.setUint32(0, interest, true)
    this.#event.setUint32(epollDataAt, socket.slot, true)
    this.#event.setUint32(epollDataAt + 4, socket.generation, true)
    const change = interest === 0 ? EPOLL_CTL_DEL : before === 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD
    const result = this.#system.libc.epoll_ctl(this.#epoll, change, socket.descriptor, this.#event)
    this.#system.check(result, 'epoll_ctl')
  }

  #turn(): void {
    const { libc } = this.#system
    // Whoever did not have its turn has it first: asked again, the kernel may begin with the same ones.
    if (this.#next >= this.#count) {
      this.#next = 0
      this.#count = libc.epoll_wait(this.#epoll, this.#events.pointer, eventsAtOnce, 0)
    }
    const endsAt = performance.now() + turnMs
    for (let done = 1; this.#next < this.#count; done++) {
      const at = this.#next++ * epollEventBytes
      const mask = this.#eventsView.getUint32(at, true)
      const slot = this.#eventsView.getUint32(at + epollDataAt, true)
      const generation = this.#eventsView.getUint32(at + epollDataAt + 4, true)
      const socket = this.#slots.get(slot, generation)
      if (socket !== undefined) this.#ready(socket, mask)
      if (done % looks === 0 && performance.now() >= endsAt) return
    }
  }

  #ready(socket: SocketTransport, mask: number): void {
    if ((mask & EPOLLOUT) !== 0) this.#sendOutput(socket)
    if (socket.isClosed || (mask & (EPOLLIN | EPOLLHUP | EPOLLERR)) === 0) return
    const hasFailed = (mask & (EPOLLHUP | EPOLLERR)) !== 0
    if (!socket.isPaused && !socket.hasPeerEnded) return this.#read(socket)
    // Nobody wants to read what there is; a failure would be told again and again.
    this.#watch(socket, hasFailed ? 0 : this.#interestOf(socket) & ~EPOLLIN)
    // Where there is nothing to be read any more, it is the end.
    if (hasFailed && socket.hasPeerEnded) socket.destroy()
  }

  #read(socket: SocketTransport): void {
    const { libc } = this.#system
    const length = libc.read(socket.descriptor, this.#input.pointer, readLength)
    if (length > 0) return socket.received(this.#input.bytes.subarray(0, length))
    if (length < 0) {
      const { errno } = this.#system
      if (errno !== EAGAIN && errno !== EINTR) socket.destroy()
      return
    }
    socket.ended()
    if (!socket.isClosed) this.#watch(socket, this.#interestOf(socket) & ~EPOLLIN)
  }

  /** How much of the bytes the system took; -1 when the connection has failed. */
  #send(socket: SocketTransport, bytes: Uint8Array): number {
    // Node ignores SIGPIPE.
    const { libc } = this.#system
    const sent = libc.write(socket.descriptor, bytes, BigInt(bytes.length))
    if (sent >= 0) return sent
    const { errno } = this.#system
    if (errno === EAGAIN || errno === EINTR) return 0
    socket.destroy()
    return -1
  }

  #sendOutput(socket: SocketTransport): void {
    const { output } = socket
    while (output.length > 0) {
      const bytes = this.#nextPiece(socket)
      const sent = this.#send(socket, bytes)
      if (sent < 0) return
      if (sent > 0) output.take(sent)
      if (sent < bytes.length) return
    }
    this.#watch(socket, this.#interestOf(socket) & ~EPOLLOUT)
    socket.sent()
  }

  #nextPiece({ output }: SocketTransport): Uint8Array {
    const { front } = output
    if (front.length === output.length || front.length >= joinBytes) return front
    return this.#joined.subarray(0, output.copyTo(this.#joined))
  }
}

const readLength = BigInt(readBytes)
