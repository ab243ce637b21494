import { decode, encode } from 'cborg'
import type { Codec } from './topics/codec.ts'
import { PayloadError } from './topics/payload-error.ts'

const options = { rejectDuplicateMapKeys: true }

/**
 * CBOR (RFC 8949), from `@busbar/client/cbor`, by the package `cborg`, which is yours to install. Maps are objects, so that their
 * keys are text; whole numbers beyond 2^53 are bigints; byte strings are Uint8Array. Tags, keys that come
 * twice and strings in pieces are refused. What arrives is `unknown` until a schema has looked at it.
 */
export const cbor: Codec<unknown> = {
  contentType: 'application/cbor',
  encode(value) {
    try {
      return encode(value)
    } catch (cause) {
      throw new PayloadError('cannot be written as CBOR', { cause })
    }
  },
  decode(payload) {
    try {
      return decode(payload, options)
    } catch (cause) {
      throw new PayloadError('is not CBOR', { cause })
    }
  },
}
