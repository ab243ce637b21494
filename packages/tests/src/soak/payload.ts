/** A payload that tells its number, and of which every byte follows from it. */
export function payloadOf(number: number, bytes: number): Uint8Array {
  const payload = new Uint8Array(bytes)
  new DataView(payload.buffer).setUint32(0, number)
  for (let at = 4; at < bytes; at++) payload[at] = number * 31 + at * 7 + (at >> 8)
  return payload
}

export function numberOf(payload: Uint8Array): number {
  return new DataView(payload.buffer, payload.byteOffset).getUint32(0)
}

export function isExact(payload: Uint8Array): boolean {
  const number = numberOf(payload)
  for (let at = 4; at < payload.length; at++)
    if (payload[at] !== ((number * 31 + at * 7 + (at >> 8)) & 0xff)) return false
  return true
}
