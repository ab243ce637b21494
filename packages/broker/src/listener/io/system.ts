import type * as Ffi from 'node:ffi'
import { endianness } from 'node:os'
import { inTurn } from './turn.ts'

/**
 * Everything that leaves JavaScript for libc, libuv and the kernel, and the layout of what they
 * read. A wrong type here is not an exception but a crash: sizes and addresses are 64 bits wide,
 * and memory that others hold on to is mapped and never unmapped.
 */

/** Of errno.h and bits/*.h; the same on x64 and arm64. */
export const EINTR = 4
export const EAGAIN = 11
export const EBUSY = 16
export const ENFILE = 23
export const EMFILE = 24
export const ENOSYS = 38
export const ENOBUFS = 105
export const ECANCELED = 125
export const MSG_DONTWAIT = 0x40
export const MSG_WAITALL = 0x100
export const MSG_NOSIGNAL = 0x4000
export const EPOLLIN = 0x01
export const EPOLLOUT = 0x04
export const EPOLLERR = 0x08
export const EPOLLHUP = 0x10
export const EPOLL_CTL_ADD = 1
export const EPOLL_CTL_DEL = 2
export const EPOLL_CTL_MOD = 3
export const SHUT_WR = 1
const EPOLL_CLOEXEC = 0x80000
const SOCK_CLOEXEC = 0x80000
const SOCK_NONBLOCK = 0x800
const F_DUPFD_CLOEXEC = 1_030
const AF_UNIX = 1
const AF_INET = 2
const SOCK_STREAM = 1
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const PROT_READ_WRITE = 3
const MAP_SHARED_POPULATE = 0x8001
const MAP_PRIVATE_ANONYMOUS = 0x22
const UV_POLL = 8
const UV_READABLE = 1

/** Of linux/io_uring.h: what a ring is set up with, where its parts are, and its entries. */
export const uring = {
  setup: { cqSize: 1 << 3, submitAll: 1 << 7, coopTaskrun: 1 << 8, singleIssuer: 1 << 12 },
  /** No array of indices between the entries and the ring: entries leave in order anyway. */
  noSqArray: 1 << 16,
  singleMmap: 1,
  sqesOffset: 0x10000000,
  sqeBytes: 64,
  cqeBytes: 16,
  /** `struct io_uring_params`, in words of 32 bits. */
  parameters: {
    bytes: 120,
    sqEntries: 0,
    cqEntries: 1,
    flags: 2,
    features: 5,
    sqTail: 11,
    sqFlags: 14,
    sqArray: 16,
    cqHead: 20,
    cqTail: 21,
    cqes: 25,
  },
  sqFlags: { cqOverflow: 1 << 1 },
  enterGetEvents: 1,
  operation: { pollAdd: 6, asyncCancel: 14, close: 19, send: 26, recv: 27 },
  sqe: { bufferSelect: 1 << 5, skipSuccess: 1 << 6 },
  recv: { pollFirst: 1 << 0, multishot: 1 << 1 },
  cqe: { buffer: 1 << 0, more: 1 << 1, bufferMore: 1 << 4, bufferShift: 16 },
  registerBuffers: 22,
  /** `struct io_uring_buf_reg`, and its flag for buffers that are filled bit by bit. */
  bufferRegistration: { bytes: 40, incremental: 2 },
  bufferBytes: 16,
} as const

/** Of linux/aio_abi.h, in words of 32 bits, and the ring at the address that `io_setup` gives. */
export const aio = {
  requestBytes: 64,
  data: 0,
  operation: 4,
  descriptor: 5,
  address: 6,
  count: 8,
  read: 0,
  write: 1,
  ring: {
    bytes: 32,
    length: 1,
    head: 2,
    tail: 3,
    magic: 4,
    isMagic: 0xa10a10a1 | 0,
    incompatible: 6,
    eventBytes: 32,
    result: 4,
  },
} as const

/** `struct epoll_event` is packed on x64 only. */
const isPacked = process.arch === 'x64'
export const epollEventBytes = isPacked ? 12 : 16
export const epollDataAt = isPacked ? 4 : 8

const functions = {
  __errno_location: { arguments: [], return: 'pointer' },
  // Results of at most 2 GB fit 32 bits, which saves a BigInt for each call.
  read: { arguments: ['i32', 'pointer', 'u64'], return: 'i32' },
  write: { arguments: ['i32', 'pointer', 'u64'], return: 'i32' },
  readv: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
  writev: { arguments: ['i32', 'pointer', 'i32'], return: 'i32' },
  close: { arguments: ['i32'], return: 'i32' },
  shutdown: { arguments: ['i32', 'i32'], return: 'i32' },
  accept4: { arguments: ['i32', 'pointer', 'pointer', 'i32'], return: 'i32' },
  fcntl: { arguments: ['i32', 'i32', 'i64'], return: 'i32' },
  setsockopt: { arguments: ['i32', 'i32', 'i32', 'pointer', 'u32'], return: 'i32' },
  socketpair: { arguments: ['i32', 'i32', 'i32', 'pointer'], return: 'i32' },
  epoll_create1: { arguments: ['i32'], return: 'i32' },
  epoll_ctl: { arguments: ['i32', 'i32', 'i32', 'pointer'], return: 'i32' },
  epoll_wait: { arguments: ['i32', 'pointer', 'i32', 'i32'], return: 'i32' },
  mmap: { arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'], return: 'u64' },
  uv_handle_size: { arguments: ['i32'], return: 'u64' },
  uv_poll_init: { arguments: ['pointer', 'pointer', 'i32'], return: 'i32' },
  uv_poll_start: { arguments: ['pointer', 'i32', 'pointer'], return: 'i32' },
  uv_poll_stop: { arguments: ['pointer'], return: 'i32' },
  uv_close: { arguments: ['pointer', 'pointer'], return: 'void' },
} as const

// `syscall` several times: a symbol has one signature in each library that is opened.
const setup = { syscall: { arguments: ['i64', 'u64', 'pointer'], return: 'i32' } } as const
const register = {
  syscall: { arguments: ['i64', 'u64', 'u64', 'pointer', 'u64'], return: 'i32' },
} as const
const submit = {
  syscall: { arguments: ['i64', 'u64', 'i64', 'u64'], return: 'i32' },
} as const
const enter = {
  syscall: {
    arguments: ['i64', 'i32', 'u32', 'u32', 'u32', 'pointer', 'u64'],
    return: 'i32',
  },
} as const
const SYS_io_setup = isPacked ? 206n : 0n
const SYS_io_submit = isPacked ? 209n : 2n
const SYS_io_uring_setup = 425n
const SYS_io_uring_enter = 426n
const SYS_io_uring_register = 427n

function openLibraries(ffi: typeof Ffi) {
  // The process itself: libuv is in it, and libc whatever its name is.
  const libraries = {
    libc: ffi.dlopen(null, functions),
    setup: ffi.dlopen(null, setup),
    register: ffi.dlopen(null, register),
    enter: ffi.dlopen(null, enter),
    submit: ffi.dlopen(null, submit),
  }
  return libraries
}

/** Memory that stays where it is for the life of the process, as the kernel may hold on to it. */
export interface Region {
  readonly address: number
  readonly pointer: bigint
  readonly buffer: ArrayBuffer
  readonly bytes: Uint8Array
}

/** A file descriptor that the event loop watches for being readable. */
export interface Watcher {
  stop(): void
  start(): void
  /** The descriptor may be closed once this has returned. */
  close(): void
}

export class System {
  readonly #ffi: typeof Ffi
  /** Kept for ever: callbacks would be invalid without. */
  readonly #libraries: ReturnType<typeof openLibraries>
  readonly libc: ReturnType<typeof openLibraries>['libc']['functions']
  readonly #errno: Int32Array
  readonly #free = new Map<number, Region[]>()
  readonly #addresses = new WeakMap<Uint8Array, number>()
  /** What `addressOf` was asked last, as the next question is often the same. */
  #asked: Uint8Array | undefined
  #answer = -1
  readonly #watchers = new Map<bigint, { callback: bigint; region: Region }>()
  readonly #onClosed: bigint

  constructor(ffi: typeof Ffi) {
    this.#ffi = ffi
    this.#libraries = openLibraries(ffi)
    this.libc = this.#libraries.libc.functions
    // Of this thread; the address never changes.
    this.#errno = new Int32Array(ffi.toArrayBuffer(this.libc.__errno_location(), 4, false))
    const { lib } = this.#libraries.libc
    const ofClose = { arguments: ['pointer'], return: 'void' } as const
    this.#onClosed = lib.registerCallback(ofClose, (handle) => {
      const watcher = this.#watchers.get(handle as bigint)
      this.#watchers.delete(handle as bigint)
      if (watcher === undefined) return
      lib.unregisterCallback(watcher.callback)
      this.giveBack(watcher.region)
    })
  }

  /** Of the call just made: to be read in the next statement. */
  get errno(): number {
    return this.#errno[0] as number
  }

  /** A region of at least as many bytes, its content undefined; the caller gives it back. */
  region(bytes: number): Region {
    const free = this.#free.get(bytes)?.pop()
    return free ?? this.map(bytes, -1, 0)
  }

  giveBack(region: Region): void {
    const { byteLength } = region.buffer
    const free = this.#free.get(byteLength)
    if (free === undefined) this.#free.set(byteLength, [region])
    else free.push(region)
  }

  /** Maps part of a file, or memory of nobody else where `descriptor` is -1. */
  map(length: number, descriptor: number, offset: number): Region {
    const flags = descriptor < 0 ? MAP_PRIVATE_ANONYMOUS : MAP_SHARED_POPULATE
    const size = BigInt(length)
    const at = BigInt(offset)
    const pointer = this.libc.mmap(null, size, PROT_READ_WRITE, flags, descriptor, at)
    if (pointer === 0xffff_ffff_ffff_ffffn) throw new SystemError('mmap', this.errno)
    // A view and not a copy; it owns nothing.
    const buffer = this.#ffi.toArrayBuffer(pointer, length, false)
    const address = Number(pointer)
    const bytes = new Uint8Array(buffer)
    this.#addresses.set(bytes, address)
    return { address, pointer, buffer, bytes }
  }

  /** Remembers where this array is, which is a buffer of its own and too large to be moved. */
  remember(bytes: Uint8Array): void {
    this.#addresses.set(bytes, Number(this.#ffi.getRawPointer(bytes)))
  }

  /** Where an array begins, if that is known to stay so; -1 if not. */
  addressOf(bytes: Uint8Array): number {
    if (bytes !== this.#asked) {
      this.#asked = bytes
      this.#answer = this.#addresses.get(bytes) ?? -1
    }
    return this.#answer
  }

  /** Throws `SystemError` when a call has failed. */
  check(result: number, call: string): number {
    if (result < 0) throw new SystemError(call, this.errno)
    return result
  }

  /** Calls back from the event loop whenever the descriptor is readable. */
  watch(descriptor: number, readable: () => void): Watcher {
    const { libc } = this
    const region = this.region(Math.ceil(Number(libc.uv_handle_size(UV_POLL)) / 8) * 8)
    const { pointer } = region
    const loop = this.#ffi.getCurrentEventLoop()
    const result = libc.uv_poll_init(loop, pointer, descriptor)
    if (result < 0) {
      this.giveBack(region)
      throw new SystemError('uv_poll_init', -result)
    }
    // libuv's parameters are left where they are: to make a BigInt of a handle costs more than the call.
    const ofPoll = { arguments: [], return: 'void' } as const
    const { lib } = this.#libraries.libc
    const callback = lib.registerCallback(ofPoll, () => calledByC(readable))
    this.#watchers.set(pointer, { callback, region })
    const start = () => void libc.uv_poll_start(pointer, UV_READABLE, callback)
    start()
    return {
      start,
      stop: () => void libc.uv_poll_stop(pointer),
      close: () => libc.uv_close(pointer, this.#onClosed),
    }
  }

  createEpoll(): number {
    return this.check(this.libc.epoll_create1(EPOLL_CLOEXEC), 'epoll_create1')
  }

  /** Both ends of a connection within the process. */
  socketPair(): readonly [number, number] {
    const ends = new Int32Array(2)
    const kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK
    this.check(this.libc.socketpair(AF_UNIX, kind, 0, ends), 'socketpair')
    return [ends[0] as number, ends[1] as number]
  }

  duplicate(descriptor: number): number {
    return this.check(this.libc.fcntl(descriptor, F_DUPFD_CLOEXEC, 0n), 'fcntl')
  }

  /** What a listening socket has, those that it accepts have as well. */
  setNoDelay(descriptor: number): void {
    const on = Int32Array.of(1)
    this.check(this.libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, on, 4), 'setsockopt')
  }

  readonly #address = new Uint8Array(28)
  readonly #addressLength = new Uint32Array(1)

  /** The descriptor of the next connection, or -1 with `errno`. */
  accept(listening: number): number {
    this.#addressLength[0] = this.#address.length
    const flags = SOCK_CLOEXEC | SOCK_NONBLOCK
    return this.libc.accept4(listening, this.#address, this.#addressLength, flags)
  }

  /** `host:port` of the connection just accepted. */
  get acceptedAddress(): string {
    return addressText(this.#address)
  }

  /** Room for requests that are made together: what names it, which is the address of its ring. */
  setupAio(requests: number): bigint {
    const { syscall } = this.#libraries.setup.functions
    const context = new BigUint64Array(1)
    this.check(syscall(SYS_io_setup, BigInt(requests), context), 'io_setup')
    return context[0] as bigint
  }

  /** Returns how many requests were made, or -1 with `errno`. */
  submitAio(context: bigint, count: bigint, requests: bigint): number {
    return this.#libraries.submit.functions.syscall(SYS_io_submit, context, count, requests)
  }

  /** Memory of somebody else, for as long as it is there. */
  view(pointer: bigint, bytes: number): ArrayBuffer {
    return this.#ffi.toArrayBuffer(pointer, bytes, false)
  }

  setupRing(entries: number, parameters: Uint8Array): number {
    const { syscall } = this.#libraries.setup.functions
    return this.check(syscall(SYS_io_uring_setup, BigInt(entries), parameters), 'io_uring_setup')
  }

  registerAtRing(ring: number, operation: number, argument: Uint8Array): void {
    const { syscall } = this.#libraries.register.functions
    const fd = BigInt(ring)
    const what = BigInt(operation)
    this.check(syscall(SYS_io_uring_register, fd, what, argument, 1n), 'io_uring_register')
  }

  /** Returns how many entries the kernel took, or -1 with `errno`. */
  enterRing(ring: number, count: number, flags: number): number {
    const { syscall } = this.#libraries.enter.functions
    return syscall(SYS_io_uring_enter, ring, count, 0, flags, null, 0n)
  }
}

/** What C calls is a turn of the event loop. */
function calledByC(turn: () => void): void {
  try {
    inTurn(turn)
    runTicks()
  } catch (error) {
    // The caller is C, which an exception must not pass.
    setImmediate(() => {
      throw error
    })
  }
}

/**
 * Node runs ticks and microtasks behind its own callbacks only: they would wait for what libuv calls
 * next. The function that does it is not documented; without it there is an immediate for each turn.
 */
const { _tickCallback } = process as unknown as { readonly _tickCallback?: unknown }
const runTicks =
  typeof _tickCallback === 'function'
    ? () => void Reflect.apply(_tickCallback, process, [])
    : () => void setImmediate(nothing)

function nothing(): void {}

/** A call that should not fail has failed. */
export class SystemError extends Error {
  override readonly name = 'SystemError'
  readonly errno: number

  constructor(call: string, errno: number) {
    super(`${call} failed with error ${errno}`)
    this.errno = errno
  }
}

/** Of a `struct sockaddr_in` or `sockaddr_in6`. */
export function addressText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const family = view.getUint16(0, true)
  const port = view.getUint16(2)
  if (family === AF_INET) return `${bytes.subarray(4, 8).join('.')}:${port}`
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + 2 * index))
  // An IPv4 peer of a socket that listens on `::`.
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped) return `${bytes.subarray(20, 24).join('.')}:${port}`
  const written = groups.map((group) => group.toString(16)).join(':')
  return `${new URL(`http://[${written}]`).hostname}:${port}` // in its short form
}

/** For the thread. */
let opened: System | string | undefined

/** The system, or the reason why it cannot be called. */
export function openSystem(): System | string {
  opened ??= tryOpen()
  return opened
}

/** Memory whose place the system knows, where there is one. */
export function slabMemory(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  const system = openSystem()
  if (typeof system !== 'string') system.remember(bytes)
  return bytes
}

function tryOpen(): System | string {
  if (process.platform !== 'linux') return 'it is for Linux only'
  const isKnown = process.arch === 'x64' || process.arch === 'arm64'
  if (!isKnown || endianness() !== 'LE') return 'it is for x64 and arm64 only'
  try {
    const ffi = withoutWarning(() => process.getBuiltinModule('node:ffi'))
    if (ffi === undefined) return `Node ${process.versions.node} has no node:ffi, 26.1 does`
    return new System(ffi)
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

/** The log says which back end is in use; Node's own warning would be one more line for operators. */
function withoutWarning<T>(load: () => T): T {
  const { emitWarning } = process
  process.emitWarning = (...parameters: unknown[]) => {
    if (parameters[1] === 'ExperimentalWarning' && String(parameters[0]).startsWith('FFI ')) return
    Reflect.apply(emitWarning, process, parameters)
  }
  try {
    return load()
  } finally {
    process.emitWarning = emitWarning
  }
}
