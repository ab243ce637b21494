import type { StoreChange } from '../store/session-store.ts'
import { crc32 } from './crc32.ts'

// A log begins with `magic`. Each record is a head of 12 bytes (length, check sum of the body, check
// sum of those two) and a body: the length of a JSON text, the text, then all bytes it refers to.

export const magic = new TextEncoder().encode('BUSBAR1\n')

const headLength = 12

/** Bytes cannot be in JSON: their length stands for them, and they follow in order. */
interface BytesAt {
  readonly bytes: number
}

/** One record, which holds all of these changes or, cut anywhere, none. */
export function encodeRecord(changes: readonly StoreChange[]): Uint8Array {
  const parts: Uint8Array[] = []
  const text = new TextEncoder().encode(
    JSON.stringify(changes, function (this: Record<string, unknown>, key, value: unknown) {
      // Asked for again, because a Buffer has made something else of itself by now.
      const bytes = this[key]
      if (!(bytes instanceof Uint8Array)) return value
      parts.push(bytes)
      return { bytes: bytes.length } satisfies BytesAt
    }),
  )
  const bodyLength = parts.reduce((sum, { length }) => sum + length, 4 + text.length)
  const record = new Uint8Array(headLength + bodyLength)
  const view = new DataView(record.buffer)
  view.setUint32(headLength, text.length)
  record.set(text, headLength + 4)
  let at = headLength + 4 + text.length
  for (const part of parts) {
    record.set(part, at)
    at += part.length
  }
  view.setUint32(0, bodyLength)
  view.setUint32(4, crc32(record.subarray(headLength)))
  view.setUint32(8, crc32(record.subarray(0, 8)))
  return record
}

function decodeBody(body: Uint8Array): StoreChange[] {
  const textEnd = 4 + new DataView(body.buffer, body.byteOffset).getUint32(0)
  let at = textEnd
  const text = new TextDecoder().decode(body.subarray(4, textEnd))
  // The innermost values come first, in the order in which they were written.
  return JSON.parse(text, (_, value: unknown) => {
    if (!isBytesAt(value)) return value
    const part = body.slice(at, at + value.bytes)
    at += value.bytes
    return part
  })
}

function isBytesAt(value: unknown): value is BytesAt {
  return typeof value === 'object' && value !== null && 'bytes' in value
}

/** The body of the record that begins at `at`; undefined where there is no whole one. */
function bodyAt(log: Uint8Array, at: number): Uint8Array | undefined {
  if (at + headLength > log.length) return undefined
  const view = new DataView(log.buffer, log.byteOffset + at)
  if (crc32(log.subarray(at, at + 8)) !== view.getUint32(8)) return undefined
  const body = log.subarray(at + headLength, at + headLength + view.getUint32(0))
  if (body.length < view.getUint32(0) || crc32(body) !== view.getUint32(4)) return undefined
  return body
}

export interface ReadLog {
  /** What each whole record holds. */
  readonly records: readonly (readonly StoreChange[])[]
  /** Where the last whole one ends. */
  readonly end: number
  /** Where a whole record lies behind one that is none: not a crash but damage. */
  readonly damagedAt: number | undefined
}

/** Reads a log up to the record that a crash has cut. */
export function readLog(log: Uint8Array): ReadLog {
  const records: StoreChange[][] = []
  let end = Math.min(magic.length, log.length)
  for (let body = bodyAt(log, end); body !== undefined; body = bodyAt(log, end)) {
    records.push(decodeBody(body))
    end += headLength + body.length
  }
  return { records, end, damagedAt: recordBehind(log, end) ? end : undefined }
}

/**
 * Whether a whole record follows somewhere. A crash cannot leave one there: each record is on the
 * disk before the next one is begun.
 */
function recordBehind(log: Uint8Array, end: number): boolean {
  for (let at = end + 1; at + headLength < log.length; at++) {
    if (bodyAt(log, at) !== undefined) return true
  }
  return false
}
