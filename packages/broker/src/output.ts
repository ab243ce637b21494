import type { Slab } from './slab.ts'

/**
 * What one connection is to send at the end of the turn: ranges of bytes that stay as they are.
 * Neighbours in one array grow together, so that a run of packets is one range and is not copied.
 */
export class Output {
  length = 0
  readonly #arrays: Uint8Array[] = []
  readonly #starts: number[] = []
  readonly #ends: number[] = []

  append(bytes: Uint8Array, start: number, end: number): void {
    const last = this.#arrays.length - 1
    this.length += end - start
    if (last >= 0 && this.#ends[last] === start && this.#arrays[last] === bytes) {
      this.#ends[last] = end
      return
    }
    this.#arrays.push(bytes)
    this.#starts.push(start)
    this.#ends.push(end)
  }

  /** All of it as one piece; the output is empty then. */
  take(slab: Slab): Uint8Array {
    const [array] = this.#arrays
    const piece =
      this.#arrays.length === 1 && array !== undefined
        ? range(array, this.#starts[0] as number, this.#ends[0] as number)
        : this.#joined(slab)
    this.clear()
    return piece
  }

  clear(): void {
    this.length = 0
    this.#arrays.length = 0
    this.#starts.length = 0
    this.#ends.length = 0
  }

  #joined(slab: Slab): Uint8Array {
    const piece = slab.piece(this.length)
    let at = 0
    for (let i = 0; i < this.#arrays.length; i++) {
      const array = this.#arrays[i] as Uint8Array
      const start = this.#starts[i] as number
      const end = this.#ends[i] as number
      piece.set(range(array, start, end), at)
      at += end - start
    }
    return piece
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
