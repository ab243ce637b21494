/** The last of the Packet Identifiers, and how many there are. */
const last = 65_535
const bitsPerWord = 32

/**
 * Of a Session that has used none; nobody writes to it. 0 is no Packet Identifier: it is in use for
 * ever [MQTT5-2.2.1-3] [MQTT5-2.2.1-4].
 */
const unused = Uint32Array.of(1)
const firstRange = 1_024

/**
 * The Packet Identifiers in use in one direction of a Session, a bit each. They rotate, so that a
 * late acknowledgement does not meet a new message. The range in rotation starts small and doubles
 * when half of it is in use: an ordinary Session pays 128 bytes for it, not 8 KiB, and one that only
 * gets messages of QoS 0 nothing.
 */
export class PacketIdentifiers {
  #words = unused
  #size = 0
  #latest = 0

  get size(): number {
    return this.#size
  }

  get isFull(): boolean {
    return this.#size === last
  }

  /** One that is not in use, and now is; 0 when all are. */
  take(): number {
    if (this.isFull) return 0
    if (this.#words === unused) this.#grow(firstRange)
    if (this.#size * 2 >= this.#range) this.#grow(this.#range * 2)
    const packetIdentifier = this.#nextFree(this.#latest + 1)
    this.#mark(packetIdentifier)
    return packetIdentifier
  }

  /** Marks one as in use, as when a Session is restored. The rotation goes on behind it. */
  reserve(packetIdentifier: number): void {
    if (packetIdentifier < 1 || packetIdentifier > last)
      throw new RangeError('no Packet Identifier')
    const range = Math.max(firstRange, packetIdentifier + 1)
    if (range > this.#range) this.#grow(range)
    if (!this.has(packetIdentifier)) this.#mark(packetIdentifier)
  }

  /** Frees one for use again; nothing happens when it is free. */
  release(packetIdentifier: number): void {
    if (packetIdentifier === 0 || !this.has(packetIdentifier)) return
    const word = packetIdentifier >>> 5
    this.#words[word] = this.#word(word) & ~(1 << (packetIdentifier & 31))
    this.#size--
  }

  has(packetIdentifier: number): boolean {
    if (packetIdentifier === 0) return false
    return (this.#word(packetIdentifier >>> 5) & (1 << (packetIdentifier & 31))) !== 0
  }

  get #range(): number {
    return this.#words.length * bitsPerWord
  }

  /** The word, 0 behind the range. */
  #word(at: number): number {
    return this.#words[at] ?? 0
  }

  #mark(packetIdentifier: number): void {
    const word = packetIdentifier >>> 5
    this.#words[word] = this.#word(word) | (1 << (packetIdentifier & 31))
    this.#size++
    this.#latest = packetIdentifier
  }

  /** The first that is free, from `start` on and then from 1; there must be one. */
  #nextFree(start: number): number {
    let word = (start >>> 5) % this.#words.length
    let candidates = start < this.#range ? -1 << (start & 31) : -1
    for (;;) {
      const free = ~this.#word(word) & candidates
      if (free !== 0) return word * bitsPerWord + 31 - Math.clz32(free & -free)
      word = (word + 1) % this.#words.length
      candidates = -1
    }
  }

  #grow(range: number): void {
    let length = this.#words.length
    while (length * bitsPerWord < range) length *= 2
    if (length * bitsPerWord > last + 1) return
    const words = new Uint32Array(length)
    words.set(this.#words)
    this.#words = words
  }
}
