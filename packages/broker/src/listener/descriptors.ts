import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Log } from '../log.ts'

/** Between two reports of the same shortage. */
const silenceMs = 10_000

/**
 * Reports when a connection took the last file descriptor of the process: from then on the system
 * accepts connections and closes them, which `net` does not tell. Where the limit can be read
 * (Linux); descriptors are handed out lowest first, so the number of the newest tells enough.
 */
export function watchDescriptors(
  log: Log,
  limit = descriptorLimit(),
  now?: () => number,
): (socket: Socket) => void {
  const report = shortage(log, limit, now)
  return (socket) => {
    if (descriptorOf(socket) >= limit - 1) report()
  }
}

/** Reports, once in a while, that there are no file descriptors left. */
export function shortage(
  log: Log,
  limit = descriptorLimit(),
  now: () => number = () => performance.now(),
): () => void {
  let reportedAt = Number.NEGATIVE_INFINITY
  return () => {
    if (now() - reportedAt < silenceMs) return
    reportedAt = now()
    log.error('out of file descriptors, further connections are closed', { limit })
  }
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
