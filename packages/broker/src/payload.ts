import { copyBytes } from './copy-bytes.ts'
import type { Message } from './message.ts'

/**
 * Most messages are delivered and forgotten within a turn, and an array buffer for each is the
 * dearest thing about them. So small payloads share one. It is small, too: a message that is kept
 * keeps all of it.
 */
const poolBytes = 2_048
const largestShared = 512

let pool = new Uint8Array(poolBytes)
let used = 0

/** A payload for a new message, out of bytes that will be used again. */
export function copyPayload(bytes: Uint8Array, start = 0, end = bytes.length): Uint8Array {
  const length = end - start
  if (length > largestShared) return new Uint8Array(bytes.subarray(start, end))
  if (used + length > poolBytes) {
    pool = new Uint8Array(poolBytes)
    used = 0
  }
  const at = used
  used += length
  copyBytes(bytes, start, end, pool, at)
  return pool.subarray(at, used)
}

/** To be called for a message that waits or is retained: its payload gets memory of its own. */
export function keepAlone(message: Message): void {
  const { payload } = message
  if (payload.length < payload.buffer.byteLength) message.payload = new Uint8Array(payload)
}
