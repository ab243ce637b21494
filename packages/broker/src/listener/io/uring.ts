import { copyBytes } from '../../copy-bytes.ts'
import type { Sockets } from './acceptor.ts'
import { Kind, Ring, type RingOptions } from './ring.ts'
import { Slots } from './slots.ts'
import type { Part, SocketTransport } from './socket-transport.ts'
import {
  EAGAIN,
  ECANCELED,
  ENOBUFS,
  type Region,
  SHUT_WR,
  type System,
  type Watcher,
} from './system.ts'
import { endTurn, inTurn, isInTurn, sendBehind } from './turn.ts'

const usual: RingOptions = {
  entries: 1_024,
  completions: 16_384,
  buffers: 8,
  bufferBytes: 131_072,
}

/** Bytes of all sockets on their way into the kernel at once, and of one of them. */
const stageBytes = 1_048_576
const sendBytes = 262_144
/** From here on, bytes of a socket are sent at once and not at the end of the turn. */
const flushBytes = 32_768

/** Longest time that the event loop is kept from its timers, looked at every few completions. */
const turnMs = 1
const looks = 8

const nothing = new Uint8Array(0)

/** What the back end knows of a socket; used again with its slot. */
class State {
  socket: SocketTransport | undefined
  isReceiving = false
  isCancelled = false
  isPolled = false
  /** Waits for the next submission. */
  isDirty = false
  /** Bytes to be sent, where they begin in which array, and what came of it when it was not all. */
  staged = 0
  stagedAt = 0
  array: Uint8Array = nothing
  short: number | undefined
  /** What is on the stage is the beginning of the output. */
  isFromOutput = false
  /** What came while the socket was paused. */
  held: Uint8Array[] = []
  /** What came behind `held`. */
  last: 'ended' | 'failed' | undefined
  hasReceived = false

  start(socket: SocketTransport): void {
    this.socket = socket
    this.isReceiving = false
    this.isCancelled = false
    this.isPolled = false
    this.isDirty = false
    this.staged = 0
    this.short = undefined
    this.isFromOutput = false
    this.held = []
    this.last = undefined
    this.hasReceived = false
  }
}

/** Used again: the memory of a ring stays mapped. */
const idle: UringSockets[] = []

/**
 * Sockets on an io_uring that libuv watches as one descriptor: what has come is in the ring when the
 * event loop wakes up, and all that is sent at the end of a turn leaves with one system call.
 */
export class UringSockets implements Sockets, Disposable {
  readonly #system: System
  readonly #isUsual: boolean
  readonly #ring: Ring
  readonly #stage: Region
  readonly #slots = new Slots()
  readonly #states: State[] = []
  #watcher: Watcher
  #dirty: State[] = []
  /** To be received from when the buffers are back, those first that got none. */
  #starved: State[] = []
  #unread: State[] = []
  #isScheduled = false
  #isBehind = false
  /** How far the stage is filled, and by whom last. */
  #used = 0
  #last: State | undefined

  constructor(system: System, options?: RingOptions) {
    this.#system = system
    this.#isUsual = options === undefined
    this.#ring = new Ring(system, options ?? usual)
    this.#stage = system.region(stageBytes)
    this.#watcher = this.#watch()
  }

  static open(system: System): UringSockets {
    const sockets = idle.pop()
    if (sockets === undefined) return new UringSockets(system)
    sockets.#watcher = sockets.#watch()
    return sockets
  }

  #watch(): Watcher {
    return this.#system.watch(this.#ring.descriptor, () => this.#turn())
  }

  /** All sockets have been closed before. */
  [Symbol.dispose](): void {
    this.#submit()
    this.#watcher.close()
    if (this.#isUsual) idle.push(this)
    else this.#system.libc.close(this.#ring.descriptor)
  }

  add(socket: SocketTransport): void {
    this.#slots.add(socket)
    const { slot } = socket
    const state = this.#states[slot] ?? new State()
    this.#states[slot] = state
    state.start(socket)
    this.#receive(state)
  }

  /** Copies what can be sent, so that the caller may use its memory again. */
  write(socket: SocketTransport, bytes: Uint8Array, { start, end }: Part): void {
    const state = this.#stateOf(socket)
    const length = end - start
    const isFixed = isInTurn() && this.#system.addressOf(bytes) >= 0
    const hasRoom = isFixed ? state.staged === 0 : this.#hasRoom(state, length)
    if (!socket.isBlocked && !hasRoom) this.#submit()
    if (socket.isClosed) return
    if (socket.isBlocked || (!isFixed && length > sendBytes)) {
      socket.keep(bytes.slice(start, end))
      if (socket.isBlocked) return
      this.#markDirty(state)
      return this.#submit()
    }
    if (isFixed) {
      // It stays where it is until the turn is over, and then it is sent.
      state.array = bytes
      state.stagedAt = start
      state.staged = length
      return this.#markDirty(state)
    }
    copyBytes(bytes, start, end, this.#stage.bytes, this.#used)
    if (state.staged === 0) {
      state.array = this.#stage.bytes
      state.stagedAt = this.#used
    }
    state.staged += length
    this.#used += length
    this.#last = state
    this.#markDirty(state)
    if (state.staged > flushBytes) this.#submit()
  }

  /** Whether there is room behind what the socket has on the stage, if it has anything there. */
  #hasRoom(state: State, length: number): boolean {
    if (state.staged === 0) return this.#used + length <= stageBytes || length > sendBytes
    return (
      this.#last === state &&
      state.array === this.#stage.bytes &&
      state.staged + length <= sendBytes &&
      this.#used + length <= stageBytes
    )
  }

  flush(socket: SocketTransport): void {
    if (this.#stateOf(socket).staged > 0) this.#submit()
  }

  resume(socket: SocketTransport): void {
    const state = this.#stateOf(socket)
    if (state.held.length > 0 || state.last !== undefined) {
      setImmediate(() => this.#handOver(socket))
    } else if (!state.isReceiving && !socket.hasPeerEnded) this.#receive(state)
  }

  finish(socket: SocketTransport): void {
    this.#system.libc.shutdown(socket.descriptor, SHUT_WR)
  }

  close(socket: SocketTransport): void {
    const { slot, generation, descriptor } = socket
    const state = this.#stateOf(socket)
    // Requests hold the connection open, whatever is closed.
    if (state.isReceiving) this.#ring.cancel(Kind.receive, slot, generation)
    if (state.isPolled) this.#ring.cancel(Kind.writable, slot, generation)
    this.#ring.close(slot, generation, descriptor)
    this.#slots.delete(socket)
    state.socket = undefined
    state.staged = 0
    state.held = []
    this.#submitLater()
  }

  #stateOf(socket: SocketTransport): State {
    return this.#states[socket.slot] as State
  }

  #turn(): void {
    const ring = this.#ring
    const endsAt = performance.now() + turnMs
    do {
      for (let count = 1; ring.next(); count++) {
        this.#complete()
        // What is left is still in the ring, which stays readable.
        if (count % looks === 0 && performance.now() >= endsAt) break
      }
      endTurn() // what has come in may go out as it is
      this.#submit()
      ring.settle()
      this.#receiveAgain()
      // To ask the ring costs nothing: the kernel has had the occasion to put more into it.
    } while (ring.hasCompletions && performance.now() < endsAt)
    if (ring.hasAside) setImmediate(inTurn, this.#again)
    if (ring.queued > 0) this.#submit()
  }

  readonly #again = () => this.#turn()

  #complete(): void {
    const { kind, slot, generation } = this.#ring
    const socket = this.#slots.get(slot, generation)
    if (socket === undefined) return // closed before
    const state = this.#stateOf(socket)
    if (kind === Kind.receive) this.#received(socket, state)
    else if (kind === Kind.writable) {
      state.isPolled = false
      this.#markDirty(state)
    }
  }

  #received(socket: SocketTransport, state: State): void {
    const { result, isLast, start, received } = this.#ring
    if (isLast) {
      state.isReceiving = false
      state.isCancelled = false
    }
    if (result > 0) {
      state.hasReceived = true
      const end = start + result
      if (socket.isPaused || state.held.length > 0)
        this.#hold(socket, state, received.slice(start, end))
      else socket.receivedPart(received, start, end)
    } else if (result !== -ENOBUFS && result !== -ECANCELED) {
      state.last = result === 0 ? 'ended' : 'failed'
      if (!socket.isPaused && state.held.length === 0) this.#end(socket, state)
      return
    }
    if (isLast && !socket.isClosed) this.#starvedList(state).push(state)
  }

  /** Somebody who sends without end gets no more than the others. */
  #starvedList(state: State): State[] {
    return state.hasReceived ? this.#unread : this.#starved
  }

  #hold(socket: SocketTransport, state: State, bytes: Uint8Array): void {
    state.held.push(bytes)
    if (!state.isReceiving || state.isCancelled) return
    state.isCancelled = true
    this.#ring.cancel(Kind.receive, socket.slot, socket.generation)
  }

  #end(socket: SocketTransport, state: State): void {
    if (state.last === 'ended') socket.ended()
    else socket.destroy()
  }

  /** What came during a pause, now that it is over. */
  #handOver(socket: SocketTransport): void {
    const state = this.#stateOf(socket)
    while (state.socket === socket && !socket.isPaused) {
      const bytes = state.held.shift()
      if (bytes !== undefined) {
        socket.received(bytes)
        continue
      }
      if (state.last !== undefined) this.#end(socket, state)
      else if (!state.isReceiving) this.#receive(state)
      return
    }
  }

  #receiveAgain(): void {
    for (const state of this.#starved) this.#receiveIfWanted(state)
    for (const state of this.#unread) this.#receiveIfWanted(state)
    this.#starved.length = 0
    this.#unread.length = 0
  }

  #receiveIfWanted(state: State): void {
    const { socket } = state
    state.hasReceived = false
    if (socket === undefined || state.isReceiving || socket.isPaused) return
    if (state.held.length === 0 && state.last === undefined) this.#receive(state)
  }

  #receive(state: State): void {
    const { slot, generation, descriptor } = state.socket as SocketTransport
    state.isReceiving = true
    this.#ring.receive(slot, generation, descriptor)
    this.#submitLater()
  }

  #markDirty(state: State): void {
    if (state.isDirty) return
    state.isDirty = true
    this.#dirty.push(state)
    this.#submitLater()
  }

  /** When the work at hand is done: all that it sends leaves together. */
  #submitLater(): void {
    if (isInTurn()) {
      if (!this.#isBehind) sendBehind(this.#behind)
      this.#isBehind = true
    } else if (!this.#isScheduled) {
      this.#isScheduled = true
      queueMicrotask(this.#scheduled)
    }
  }

  readonly #behind = () => {
    this.#isBehind = false
    this.#submit()
  }

  readonly #scheduled = () => {
    this.#isScheduled = false
    this.#submit()
  }

  /** Calls nobody back. */
  #submit(): void {
    while (this.#dirty.length > 0) {
      const batch = this.#dirty
      this.#dirty = []
      // First what is on the stage: it is free for the output of others then.
      this.#sendAll(batch.filter((state) => state.staged > 0))
      this.#sendAll(batch.filter((state) => state.isDirty))
    }
    this.#ring.submit(this.#short)
  }

  #sendAll(batch: readonly State[]): void {
    let first = 0
    for (const [index, state] of batch.entries()) {
      // A slot that is used again may be here twice.
      if (!state.isDirty) continue
      const needsRoom = state.staged === 0 && this.#used + sendBytes > stageBytes
      if (this.#ring.isFull || needsRoom) {
        this.#settle(batch, first, index)
        first = index
        if (needsRoom) this.#used = 0
      }
      state.isDirty = false
      this.#send(state)
    }
    this.#settle(batch, first, batch.length)
    this.#used = 0
    this.#last = undefined
  }

  #send(state: State): void {
    const { socket } = state
    if (socket === undefined) return
    const { slot, generation, descriptor, output } = socket
    if (state.staged === 0 && output.length > 0) {
      state.isFromOutput = true
      state.array = this.#stage.bytes
      state.stagedAt = this.#used
      state.staged = output.copyTo(this.#stage.bytes, this.#used, this.#used + sendBytes)
      this.#used += state.staged
    }
    if (state.staged === 0) return
    const address = this.#system.addressOf(state.array) + state.stagedAt
    this.#ring.send(slot, generation, { descriptor, address, length: state.staged })
  }

  #settle(batch: readonly State[], first: number, end: number): void {
    this.#ring.submit(this.#short)
    for (let index = first; index < end; index++) this.#sent(batch[index] as State)
  }

  readonly #short = (slot: number, generation: number, result: number) => {
    if (this.#slots.get(slot, generation) !== undefined)
      (this.#states[slot] as State).short = result
  }

  /** What became of one send. */
  #sent(state: State): void {
    const { socket, staged, stagedAt, array, short, isFromOutput } = state
    if (staged === 0 || socket === undefined) return
    state.staged = 0
    state.array = nothing
    state.short = undefined
    state.isFromOutput = false
    if (short !== undefined && short < 0 && short !== -EAGAIN) return socket.failed()
    const taken = short === undefined ? staged : Math.max(0, short)
    if (isFromOutput) socket.output.take(taken)
    else if (taken < staged) socket.keep(array.slice(stagedAt + taken, stagedAt + staged))
    if (socket.output.length === 0) {
      if (socket.awaitsSent) queueMicrotask(() => socket.sent())
    } else if (short === undefined) this.#markDirty(state)
    else this.#block(socket, state)
  }

  #block(socket: SocketTransport, state: State): void {
    socket.isBlocked = true
    if (state.isPolled) return
    state.isPolled = true
    this.#ring.awaitWritable(socket.slot, socket.generation, socket.descriptor)
  }
}
