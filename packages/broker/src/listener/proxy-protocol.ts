import { isIP } from 'node:net'
import { addressText } from '../ip-address.ts'

/** What a proxy says of a connection, in the bytes before everything else. */
export interface ProxyHeader {
  /** How many bytes it has; what the client sent begins behind them. */
  readonly length: number
  /** The client; undefined where the proxy speaks for itself, as to check our health. */
  readonly client: { readonly host: string; readonly port: number } | undefined
}

/** The bytes are no header of the PROXY protocol; the proxy or its configuration is at fault. */
export class ProxyHeaderError extends Error {
  override readonly name = 'ProxyHeaderError'
}

/** With its end, as the specification has it. */
const longestText = 107
/** Sixteen bytes, addresses, and what a proxy adds about TLS; the format would allow 65,551. */
const longestBinary = 4_096
const fixedLength = 16

const signature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')
const text = Buffer.from('PROXY ')

/** The longest header that is read. */
export const longestProxyHeader = longestBinary

/**
 * Reads the header of version 1 or 2 that a connection begins with. Undefined: it is not complete.
 * Throws ProxyHeaderError as soon as the bytes cannot become one.
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  const seen = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (startsLike(seen, signature)) return seen.length < fixedLength ? undefined : readBinary(seen)
  if (startsLike(seen, text)) return readText(seen)
  throw new ProxyHeaderError('the connection does not begin with a PROXY header')
}

/** Whether `seen` begins with `wanted`, as far as there is any of it. */
function startsLike(seen: Buffer, wanted: Buffer): boolean {
  const length = Math.min(seen.length, wanted.length)
  return seen.subarray(0, length).equals(wanted.subarray(0, length))
}

function readText(seen: Buffer): ProxyHeader | undefined {
  const end = seen.subarray(0, longestText).indexOf('\r\n')
  if (end < 0) {
    if (seen.length < longestText) return undefined
    throw new ProxyHeaderError('the PROXY line has no end')
  }
  const length = end + 2
  const [, protocol, source = '', destination = '', sourcePort = '', port = '', ...rest] = seen
    .toString('latin1', 0, end)
    .split(' ')
  if (protocol === 'UNKNOWN') return { length, client: undefined }
  const version = protocol === 'TCP4' ? 4 : protocol === 'TCP6' ? 6 : -1
  const isSound =
    [source, destination].every((address) => isIP(address) === version) &&
    [sourcePort, port].every(isPort) &&
    rest.length === 0
  if (!isSound) throw new ProxyHeaderError('the PROXY line is malformed')
  return { length, client: { host: source, port: Number(sourcePort) } }
}

function isPort(digits: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(digits) && Number(digits) <= 65_535
}

/** Bytes of the addresses and ports by the family in the 14th byte; others carry none for us. */
const families: Readonly<Record<number, number>> = { 1: 4, 2: 16 }

function readBinary(seen: Buffer): ProxyHeader | undefined {
  const command = seen.readUInt8(12)
  const length = fixedLength + seen.readUInt16BE(14)
  if (command >> 4 !== 2) throw new ProxyHeaderError('the PROXY header has an unknown version')
  if (length > longestBinary) throw new ProxyHeaderError('the PROXY header is too long')
  if (seen.length < length) return undefined
  if ((command & 0xf) === 0) return { length, client: undefined }
  if ((command & 0xf) !== 1) throw new ProxyHeaderError('the PROXY header has an unknown command')
  const bytes = families[seen.readUInt8(13) >> 4]
  if (bytes === undefined) return { length, client: undefined }
  if (length < fixedLength + 2 * bytes + 4) {
    throw new ProxyHeaderError('the PROXY header ends before its addresses')
  }
  const host = addressText(seen.subarray(fixedLength, fixedLength + bytes))
  return { length, client: { host, port: seen.readUInt16BE(fixedLength + 2 * bytes) } }
}
