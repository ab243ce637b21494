import { constants } from 'node:os'

/** Undone at the end of the process, the latest first. */
const pending = new Set<() => void>()
let isWatching = false

/**
 * Undoes something at the end of this process, however that is ended but with `kill -9`: by a signal,
 * by an error, or because the process that started it has gone. Returns what makes that unnecessary.
 */
export function atExit(undo: () => void): () => void {
  endOrderly()
  pending.add(undo)
  return () => pending.delete(undo)
}

/** Lets signals end this process by way of its `exit` event. */
export function endOrderly(): void {
  if (isWatching) return
  isWatching = true
  process.once('exit', () => {
    for (const undo of [...pending].reverse()) {
      try {
        undo()
      } catch (error) {
        console.error(String(error)) // the others are undone all the same
      }
    }
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => process.exit(128 + constants.signals[signal]))
  }
  whenOrphaned(() => process.exit(128 + constants.signals.SIGTERM))
}

/** npm passes a signal to the shell in between only, which ends and tells nobody. */
function whenOrphaned(end: () => void): void {
  if (process.env.npm_command === undefined) return
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) end()
  }, 100).unref()
}
