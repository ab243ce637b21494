import { ClientError } from './errors.ts'
import type { Payload } from './options.ts'

const encoder = new TextEncoder()

export function bytesOf(payload: Payload): Uint8Array {
  if (typeof payload === 'string') return encoder.encode(payload)
  // Not `instanceof`, which would refuse the bytes of another realm.
  if (ArrayBuffer.isView(payload) && payload.BYTES_PER_ELEMENT === 1) return payload
  throw new ClientError('invalid-argument', 'a payload is text or a Uint8Array')
}
