import { ClientError } from './errors.ts'

/** Calls back when the signal is aborted; returns what lets go of it. */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  signal.addEventListener('abort', run, { once: true })
  return () => signal.removeEventListener('abort', run)
}

export function aborted(signal: AbortSignal): ClientError {
  return new ClientError('aborted', 'the caller has aborted', { cause: signal.reason })
}
