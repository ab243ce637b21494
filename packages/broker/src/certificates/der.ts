/** Tags of the Distinguished Encoding Rules (X.690) that certificates need. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** One value with its tag and length. */
export function element(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(contents)
  return Buffer.concat([Uint8Array.of(tag), lengthOf(body.length), body])
}

export const sequence = (...contents: readonly Uint8Array[]) => element(tags.sequence, ...contents)

/** A tag of the context, with elements inside. */
export const tagged = (number: number, ...contents: readonly Uint8Array[]) =>
  element(0xa0 | number, ...contents)

/** A tag of the context in place of the element's own. */
export const implicit = (number: number, bytes: Uint8Array) => element(0x80 | number, bytes)

/** A whole number that is not negative, as its bytes. */
export function integer(bytes: Uint8Array): Buffer {
  const first = bytes.findIndex((byte) => byte !== 0)
  const significant = first < 0 ? Uint8Array.of(0) : bytes.subarray(first)
  const isNegative = ((significant[0] ?? 0) & 0x80) !== 0
  return element(tags.integer, Uint8Array.from(isNegative ? [0, ...significant] : significant))
}

export function objectIdentifier(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const septets = [arc & 0x7f]
    for (let left = arc >>> 7; left > 0; left >>>= 7) septets.unshift((left & 0x7f) | 0x80)
    return septets
  })
  return element(tags.objectIdentifier, Uint8Array.from(bytes))
}

/** Years before 2050 have two digits (section 4.1.2.5 of RFC 5280). */
export function time(date: Date): Buffer {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050
    ? element(tags.utcTime, Buffer.from(digits.slice(2)))
    : element(tags.generalizedTime, Buffer.from(digits))
}

/** Of whole bytes, or of some bits with `unused` ones behind them. */
export const bitString = (bytes: Uint8Array, unused = 0) =>
  element(tags.bitString, Uint8Array.of(unused), bytes)

function lengthOf(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length)
  const bytes: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left % 256)
  return Uint8Array.of(0x80 | bytes.length, ...bytes)
}

/** An element that was read: `whole` includes its tag and length. */
export interface Element {
  readonly tag: number
  readonly whole: Uint8Array
  readonly content: Uint8Array
}

/** The elements that stand one behind the other in `bytes`. Throws RangeError when they do not. */
export function readElements(bytes: Uint8Array): Element[] {
  const found: Element[] = []
  for (let at = 0; at < bytes.length; ) {
    const tag = byteAt(bytes, at)
    let length = byteAt(bytes, at + 1)
    let start = at + 2
    if (length >= 0x80) {
      const count = length & 0x7f
      if (count === 0 || count > 4) throw new RangeError('a length is not in DER')
      length = 0
      for (const end = start + count; start < end; start++)
        length = length * 256 + byteAt(bytes, start)
    }
    const end = start + length
    if (end > bytes.length) throw new RangeError('an element goes past its end')
    found.push({ tag, whole: bytes.subarray(at, end), content: bytes.subarray(start, end) })
    at = end
  }
  return found
}

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte === undefined) throw new RangeError('an element goes past its end')
  return byte
}
