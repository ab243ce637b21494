import { PayloadError } from './payload-error.ts'

/** Turns values into payloads and back. */
export interface Codec<Value> {
  /** The Content Type of its messages (section 3.3.2.3.9). */
  readonly contentType?: string
  /** 1 where every payload is UTF-8 (section 3.3.2.3.2). */
  readonly payloadFormatIndicator?: 0 | 1
  /** Throws for a value that it cannot write. */
  encode(value: Value): Uint8Array
  /** Throws on a payload that it cannot read. */
  decode(payload: Uint8Array): Value
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function decodeText(payload: Uint8Array): string {
  try {
    return decoder.decode(payload)
  } catch (cause) {
    throw new PayloadError('is not UTF-8', { cause })
  }
}

/** The bytes as they are. */
export const bytes: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (payload) => payload,
}

/** UTF-8 text. */
export const text: Codec<string> = {
  contentType: 'text/plain; charset=utf-8',
  payloadFormatIndicator: 1,
  encode: (value) => encoder.encode(value),
  decode: decodeText,
}

/** JSON in UTF-8. What arrives is `unknown` until a schema has looked at it. */
export const json: Codec<unknown> = {
  contentType: 'application/json',
  payloadFormatIndicator: 1,
  encode(value) {
    let written: string | undefined
    try {
      written = JSON.stringify(value)
    } catch (cause) {
      throw new PayloadError('cannot be written as JSON', { cause })
    }
    if (written === undefined) throw new PayloadError(`has no JSON form: ${typeof value}`)
    return encoder.encode(written)
  },
  decode(payload) {
    const written = decodeText(payload)
    try {
      return JSON.parse(written)
    } catch (cause) {
      throw new PayloadError('is not JSON', { cause })
    }
  },
}
