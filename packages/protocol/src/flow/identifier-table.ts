const fewestSlots = 8

/** An empty table of more slots gives its memory back. */
const mostKept = 256

/**
 * A number for each of some Packet Identifiers. They come in rotation, so that each nearly always has
 * the slot that it asks for; whoever chooses them to meet makes a few of them walk, and no table
 * larger. A Map costs five times as much for each message.
 */
export class IdentifierTable {
  /** 0, which is no Packet Identifier, is an empty slot. */
  #identifiers = new Uint16Array(fewestSlots)
  #numbers = new Uint32Array(fewestSlots)
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
    let slot = packetIdentifier & last
    while (identifiers[slot] !== 0 && identifiers[slot] !== packetIdentifier)
      slot = (slot + 1) & last
    return slot
  }

  /** Empties a slot, and moves those behind it that have walked past it. */
  #close(empty: number): void {
    const identifiers = this.#identifiers
    const last = identifiers.length - 1
    let gap = empty
    for (let slot = (gap + 1) & last; identifiers[slot] !== 0; slot = (slot + 1) & last) {
      const walked = (slot - (identifiers[slot] as number)) & last
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
    for (const [packetIdentifier, number] of all) {
      const slot = this.#slotOf(packetIdentifier)
      this.#identifiers[slot] = packetIdentifier
      this.#numbers[slot] = number
    }
  }
}
