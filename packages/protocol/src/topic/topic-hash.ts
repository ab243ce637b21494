/** Four bytes a step, as the multiplications wait for each other. */
export function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start
  let at = start
  for (; at + 4 <= end; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24)
    hash = mixed(hash, word)
  }
  for (; at < end; at++) hash = mixed(hash, bytes[at] as number)
  return hash ^ (hash >>> 16)
}

/** The same of a text that is ASCII, up to `end`; of any other one a hash, too. */
export function hashOfName(name: string, end = name.length): number {
  let hash = end
  let at = 0
  for (; at + 4 <= end; at += 4) {
    const low = name.charCodeAt(at) | (name.charCodeAt(at + 1) << 8)
    const high = name.charCodeAt(at + 2) | (name.charCodeAt(at + 3) << 8)
    hash = mixed(hash, low | (high << 16))
  }
  for (; at < end; at++) hash = mixed(hash, name.charCodeAt(at))
  return hash ^ (hash >>> 16)
}

/** One step of a hash: 32 bits more. */
export function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, 0x9e3779b1)
  return product ^ (product >>> 15)
}
