import type { Payload } from './options.ts'

const encoder = new TextEncoder()

export function bytesOf(payload: Payload): Uint8Array {
  return typeof payload === 'string' ? encoder.encode(payload) : payload
}
