const fewestSlots = 8

/** An empty table of more slots gives its memory back. */
const mostKept = 256

/** 2 ** 32 divided by the golden ratio: multiples of it lie as far from each other as can be. */
const goldenRatio = 0x9e3779b1

/**
 * A number for each of some Packet Identifiers. They come in rotation, and neighbours get slots that
 * are far apart, so that each nearly always has the slot that it asks for and an empty one behind it.
 * Whoever chooses them to meet makes a few of them walk, and no table larger. A Map costs five times
 * as much for each message.
 */
export class IdentifierTable {
  /** 0, which is no Packet Identifier, is an empty slot. */
  #identifiers = new Uint16Array(fewestSlots)
  #numbers = new Uint32Array(fewestSlots)
  /** Makes a number of 32 bits one of a slot. */
  #shift = shiftFor(fewestSlots)
  #size = 0

  get size(): number {
    return this.#size
  }

  get(packetIdentifier: number): number | undefined {
    const slot = this.#slotOf(packetIdentifier)
    return this.#identifiers[slot] === packetIdentifier ? this.#numbers[slot] : undefined
  }

  set(packetIdentifier: number, number: number): void {
    let slot = this.#slotOf(packetIdentifier)
    if (this.#identifiers[slot] !== packetIdentifier) {
      if (++this.#size * 2 > this.#identifiers.length) {
        this.#resize(this.#identifiers.length * 2)
        slot = this.#slotOf(packetIdentifier)
      }
      this.#identifiers[slot] = packetIdentifier
    }
    this.#numbers[slot] = number
  }

  delete(packetIdentifier: number): boolean {
    const slot = this.#slotOf(packetIdentifier)
    if (this.#identifiers[slot] !== packetIdentifier) return false
    this.#size--
    this.#close(slot)
    if (this.#size === 0 && this.#identifiers.length > mostKept) this.#resize(fewestSlots)
    return true
  }

  /** In no order. */
  *[Symbol.iterator](): Iterator<[packetIdentifier: number, number: number]> {
    for (const [slot, packetIdentifier] of this.#identifiers.entries()) {
      if (packetIdentifier !== 0) yield [packetIdentifier, this.#numbers[slot] as number]
    }
  }

  /** Where it is, or would be. */
  #slotOf(packetIdentifier: number): number {
    const identifiers = this.#identifiers
    const last = identifiers.length - 1
    let slot = this.#home(packetIdentifier)
    while (identifiers[slot] !== 0 && identifiers[slot] !== packetIdentifier)
      slot = (slot + 1) & last
    return slot
  }

  /** The slot that it asks for. */
  #home(packetIdentifier: number): number {
    return Math.imul(packetIdentifier, goldenRatio) >>> this.#shift
  }

  /** Empties a slot, and moves those behind it that have walked past it. */
  #close(empty: number): void {
    const identifiers = this.#identifiers
    const last = identifiers.length - 1
    let gap = empty
    for (let slot = (gap + 1) & last; identifiers[slot] !== 0; slot = (slot + 1) & last) {
      const walked = (slot - this.#home(identifiers[slot] as number)) & last
      if (walked < ((slot - gap) & last)) continue
      identifiers[gap] = identifiers[slot] as number
      this.#numbers[gap] = this.#numbers[slot] as number
      gap = slot
    }
    identifiers[gap] = 0
  }

  #resize(slots: number): void {
    const all = [...this]
    this.#identifiers = new Uint16Array(slots)
    this.#numbers = new Uint32Array(slots)
    this.#shift = shiftFor(slots)
    for (const [packetIdentifier, number] of all) {
      const slot = this.#slotOf(packetIdentifier)
      this.#identifiers[slot] = packetIdentifier
      this.#numbers[slot] = number
    }
  }
}

/** For a power of two of slots. */
function shiftFor(slots: number): number {
  return Math.clz32(slots) + 1
}
