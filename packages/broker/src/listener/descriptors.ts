import { closeSync, openSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { devNull } from 'node:os'
import type { Log } from '../log.ts'

/** Between two reports of the same shortage. */
const silenceMs = 10_000

/** File descriptors that connections leave to the broker: its store and control socket need some. */
const kept = 16

/**
 * Notices that file descriptors run out, where the limit can be read (Linux). They are handed out
 * lowest first, so that the number of the newest tells enough.
 */
export class DescriptorShortage {
  readonly #log: Log
  readonly #limit: number
  readonly #now: () => number
  #reportedAt = Number.NEGATIVE_INFINITY

  constructor(log: Log, limit = descriptorLimit(), now: () => number = () => performance.now()) {
    this.#log = log
    this.#limit = limit
    this.#now = now
  }

  /** Whether a connection has one of those that are kept, or the last one that there was. */
  isShownBy(descriptor: number): boolean {
    return descriptor >= this.#limit - kept
  }

  /** Says so, once in a while; `consequence` is what becomes of further connections. */
  report(consequence: string): void {
    if (this.#now() - this.#reportedAt < silenceMs) return
    this.#reportedAt = this.#now()
    this.#log.error(`out of file descriptors, further connections ${consequence}`, {
      limit: this.#limit,
    })
  }

  /** Whether the next connection would get one that is not kept. */
  get isOver(): boolean {
    try {
      const next = openSync(devNull, 'r')
      closeSync(next)
      return !this.isShownBy(next)
    } catch {
      return false
    }
  }
}

/** For listeners of `net`, which cannot be told to stop accepting: closes what is too much. */
export function closeWhenShort(socket: Socket, shortage: DescriptorShortage): void {
  if (!shortage.isShownBy(descriptorOf(socket))) return
  shortage.report('are closed')
  socket.destroy()
}

function descriptorOf(socket: Socket): number {
  const { _handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } }
  return _handle?.fd ?? 0
}

function descriptorLimit(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  } catch {
    return Number.POSITIVE_INFINITY
  }
}
