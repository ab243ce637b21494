import type { Sockets } from './acceptor.ts'
import { Batch, mostInBatch } from './batch.ts'
import { isFullRead, Reads } from './reads.ts'
import { Sends, type Sent } from './sends.ts'
import { Slots } from './slots.ts'
import type { Part, SocketTransport } from './socket-transport.ts'
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
import { endTurn, inTurn } from './turn.ts'

/** Asked of the kernel at once; the others have their turn after libuv's own events. */
const eventsAtOnce = 256
/**
 * So many sockets are read before what came is sent, unless there are very many: whoever came first waits
 * for all of them, and with 64 half of all messages took a third longer.
 */
const fewReads = 16
/** When so many are ready they wait for the processor, which larger batches spare. */
const crowd = 128
const inputBytes = 262_144
/** So much may have been read when the next read still goes behind it: with more, large packets are cut too often. */
const mostBehind = 98_304
/** Output that is joined to one piece before it is sent. */
const joinBytes = 65_536

/** A read of less is nothing large any more. */
const fewBytes = 2_048

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
  /** Of the events before this one, those marked `isRead` have been read. */
  #readUpTo = 0
  readonly #eventsView: DataView
  readonly #event = new DataView(new ArrayBuffer(epollEventBytes))
  readonly #input: Region
  /** So much of it has been read since output left. */
  #inputUsed = 0
  readonly #joined = new Uint8Array(joinBytes)
  /** Where the kernel takes several reads, or writes, with one call. */
  readonly #reads: Reads | undefined
  readonly #sends: Sends | undefined

  /** `isTogether`: several reads, or writes, are one call where the kernel can do that. */
  constructor(system: System, isTogether = true) {
    this.#system = system
    this.#events = system.region(eventsAtOnce * epollEventBytes)
    this.#eventsView = new DataView(this.#events.buffer)
    this.#input = system.region(inputBytes)
    const reads = isTogether ? Batch.open(system, 'read') : undefined
    this.#reads = reads && new Reads(system, reads)
    const writes = isTogether ? Batch.open(system, 'write') : undefined
    this.#sends = writes && new Sends(system, writes, this.#sentTogether)
    this.#epoll = system.createEpoll()
    this.#watcher = system.watch(this.#epoll, () => this.#turn())
  }

  /** All sockets have been closed before. */
  [Symbol.dispose](): void {
    this.#watcher.close()
    this.#system.libc.close(this.#epoll)
    this.#system.giveBack(this.#events)
    this.#system.giveBack(this.#input)
    this.#reads?.[Symbol.dispose]()
    this.#sends?.[Symbol.dispose]()
  }

  add(socket: SocketTransport): void {
    this.#slots.add(socket)
    this.#interests[socket.slot] = 0
    this.#watch(socket, EPOLLIN)
  }

  write(socket: SocketTransport, bytes: Uint8Array, part: Part): void {
    if (this.#sends?.take(socket, bytes, part) === true || socket.isClosed) return
    const { start, end } = part
    if (socket.output.length > 0) return socket.keep(bytes.slice(start, end))
    const sent = this.#send(socket, bytes.subarray(start, end))
    if (sent === end - start || sent < 0) return
    this.#block(socket, bytes.slice(start + sent, end))
  }

  #block(socket: SocketTransport, rest: Uint8Array): void {
    socket.keep(rest)
    socket.isBlocked = true
    this.#watch(socket, this.#interestOf(socket) | EPOLLOUT)
  }

  readonly #sentTogether: Sent = (socket, rest, errno) => {
    if (socket.isClosed) return
    if (errno !== 0 && !isTemporary(errno)) return socket.failed()
    this.#block(socket, rest)
  }

  flush(socket: SocketTransport): void {
    if (socket.isStaged) this.#sends?.run()
  }

  resume(socket: SocketTransport): void {
    if ((this.#interestOf(socket) & EPOLLIN) === 0 && !socket.hasPeerEnded)
      this.#watch(socket, this.#interestOf(socket) | EPOLLIN)
  }

  readNow(socket: SocketTransport): void {
    // What has been read of it comes first.
    while (this.#reads?.hasNext) this.#dealWith(this.#next++)
    if (!socket.isClosed && !socket.isPaused && !socket.hasPeerEnded) this.#read(socket)
  }

  finish(socket: SocketTransport): void {
    this.#system.libc.shutdown(socket.descriptor, SHUT_WR)
  }

  close(socket: SocketTransport): void {
    // Else somebody else's bytes would go to whoever has the descriptor next.
    this.flush(socket)
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

  /** Goes on while there is more: to ask again costs less than to come back from the event loop. */
  #turn(): void {
    const endsAt = performance.now() + turnMs
    do {
      this.#ask()
      for (let done = 1; this.#next < this.#count; done++) {
        if (this.#next >= this.#readUpTo) this.#readTogether()
        // In the order in which they got ready: a client that comes back has left before.
        this.#dealWith(this.#next++)
        if (done % looks === 0 && performance.now() >= endsAt) return this.#goOnLater()
      }
      this.#clearInput()
    } while (this.#count > 0 && performance.now() < endsAt)
  }

  /** Whoever did not have its turn has it first: asked again, the kernel may begin with the same ones. */
  #ask(): void {
    if (this.#next < this.#count) return
    const { libc } = this.#system
    this.#next = 0
    this.#readUpTo = 0
    this.#count = libc.epoll_wait(this.#epoll, this.#events.pointer, eventsAtOnce, 0)
  }

  /** Reads what is ordinary among the next events; what came is dealt with in its turn. */
  #readTogether(): void {
    const isCrowd = this.#count >= crowd
    const end = Math.min(this.#next + (isCrowd ? mostInBatch : fewReads), this.#count)
    this.#readUpTo = end
    const reads = this.#reads
    if (reads === undefined) return
    for (let index = this.#next; index < end; index++) {
      const socket = this.#socketOf(index)
      if (socket === undefined || this.#maskOf(index) !== EPOLLIN) continue
      if (socket.isPaused || socket.hasPeerEnded || socket.isBulk) continue
      reads.add(socket)
      this.#eventsView.setUint32(index * epollEventBytes, isRead, true)
    }
    this.#clearInput() // and what has been read together is used up, too
    reads.run()
  }

  #dealWith(index: number): void {
    const mask = this.#maskOf(index)
    const reads = this.#reads
    if (mask === isRead && reads?.next()) return this.#hasRead(reads)
    const socket = this.#socketOf(index)
    if (socket !== undefined) this.#ready(socket, mask)
  }

  /** What is still ready is told again by the kernel, but not what has been read. */
  #goOnLater(): void {
    if (this.#reads?.hasNext) setImmediate(inTurn, this.#again)
  }

  readonly #again = () => this.#turn()

  #hasRead({ socket, result, bytes, start }: Reads): void {
    if (socket.isClosed) return
    if (result <= 0) return this.#nothingRead(socket, -result)
    socket.receivedPart(bytes, start, start + result)
    if (!isFullRead(result)) return
    socket.isBulk = true
    if (!socket.isClosed && !socket.isPaused) this.#read(socket)
  }

  #maskOf(event: number): number {
    return this.#eventsView.getUint32(event * epollEventBytes, true)
  }

  #socketOf(event: number): SocketTransport | undefined {
    const at = event * epollEventBytes + epollDataAt
    const slot = this.#eventsView.getUint32(at, true)
    return this.#slots.get(slot, this.#eventsView.getUint32(at + 4, true))
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

  /**
   * Reads behind what has been read already, so that the output of several leaves together: one of many
   * publishers for many subscribers has a few packets for each.
   */
  #read(socket: SocketTransport): void {
    if (this.#inputUsed > mostBehind) this.#clearInput()
    const { libc } = this.#system
    const start = this.#inputUsed
    const room = BigInt(inputBytes - start)
    const length = libc.read(socket.descriptor, this.#input.pointer + BigInt(start), room)
    if (length <= 0) return this.#nothingRead(socket, length === 0 ? 0 : this.#system.errno)
    this.#inputUsed += length
    if (length < fewBytes) socket.isBulk = false
    socket.receivedPart(this.#input.bytes, start, start + length)
  }

  /** Sends what came of it. */
  #clearInput(): void {
    endTurn()
    this.#inputUsed = 0
  }

  #nothingRead(socket: SocketTransport, errno: number): void {
    if (errno !== 0) {
      if (!isTemporary(errno)) socket.destroy()
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
    if (isTemporary(errno)) return 0
    socket.failed()
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

/** Instead of what the kernel says, which is never nothing. */
const isRead = 0

function isTemporary(errno: number): boolean {
  return errno === EAGAIN || errno === EINTR
}
