const { copy } = Buffer.prototype

/** Copies bytes without a view of them, which can cost more than the copy (`bench/hot-path.ts`). */
export function copyBytes(
  from: Uint8Array,
  start: number,
  end: number,
  to: Uint8Array,
  at: number,
): void {
  // It takes any Uint8Array, but is declared for a Buffer.
  copy.call(from as Buffer, to, at, start, end)
}
