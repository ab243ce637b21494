import type { Slab } from './slab.ts'
import type { PartTransport } from './transport.ts'

interface Range {
  readonly array: Uint8Array
  readonly start: number
  readonly end: number
}

/** Ranges of at least so much are sent by themselves, rather than copied to be sent with others. */
const largeBytes = 4_096

/**
 * What one connection is to send at the end of the turn: ranges of bytes that stay as they are.
 * Neighbours in one array grow together, so that a run of packets is one range and is not copied.
 */
export class Output {
  length = 0
  // the last range, which is nearly always the only one
  #array: Uint8Array | undefined
  #start = 0
  #end = 0
  #earlier: Range[] | undefined

  append(bytes: Uint8Array, start: number, end: number): void {
    this.length += end - start
    if (this.#array === bytes && this.#end === start) {
      this.#end = end
      return
    }
    if (this.#array !== undefined) {
      this.#earlier ??= []
      this.#earlier.push({ array: this.#array, start: this.#start, end: this.#end })
    }
    this.#array = bytes
    this.#start = start
    this.#end = end
  }

  /** All of it as one piece; the output is empty then. */
  take(slab: Slab): Uint8Array {
    const array = this.#array
    if (array !== undefined && this.#earlier === undefined) {
      const piece = range(array, this.#start, this.#end)
      this.clear()
      return piece
    }
    const piece = slab.piece(this.length)
    copyTo(piece, this.#takeRanges())
    return piece
  }

  /** Hands all of it to a transport; the output is empty then. */
  handTo(transport: PartTransport, slab: Slab): void {
    const array = this.#array
    if (array !== undefined && this.#earlier === undefined) {
      const start = this.#start
      const end = this.#end
      this.clear()
      return transport.writePart(array, start, end)
    }
    let small: Range[] = []
    for (const each of this.#takeRanges()) {
      if (each.end - each.start < largeBytes) small.push(each)
      else {
        handJoined(small, transport, slab)
        small = []
        transport.writePart(each.array, each.start, each.end)
      }
    }
    handJoined(small, transport, slab)
  }

  clear(): void {
    this.length = 0
    this.#array = undefined
    this.#earlier = undefined
  }

  #takeRanges(): readonly Range[] {
    const ranges = this.#earlier ?? []
    if (this.#array !== undefined)
      ranges.push({ array: this.#array, start: this.#start, end: this.#end })
    this.clear()
    return ranges
  }
}

function handJoined(ranges: readonly Range[], transport: PartTransport, slab: Slab): void {
  let length = 0
  for (const { start, end } of ranges) length += end - start
  if (length === 0) return
  const { bytes, start } = slab.room(length)
  copyTo(bytes, ranges, start)
  transport.writePart(bytes, start, start + length)
}

function copyTo(target: Uint8Array, ranges: readonly Range[], start = 0): void {
  let at = start
  for (const { array, start: from, end } of ranges) {
    target.set(range(array, from, end), at)
    at += end - from
  }
}

// The view that was made last: with many subscribers the next one asks for the same bytes.
let latest: { array: Uint8Array; start: number; view: Uint8Array } | undefined

function range(array: Uint8Array, start: number, end: number): Uint8Array {
  if (start === 0 && end === array.length) return array
  if (latest?.array === array && latest.start === start && latest.view.length === end - start) {
    return latest.view
  }
  const view = array.subarray(start, end)
  latest = { array, start, view }
  return view
}
