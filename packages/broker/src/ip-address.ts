import { isIPv4, isIPv6 } from 'node:net'

/** The 4 or 16 bytes of an address that is written as IPv4 or IPv6. */
export function addressBytes(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split('.').map(Number))
  const [address = ''] = text.split('%', 1) // without a zone
  if (!isIPv6(address)) throw new RangeError(`${JSON.stringify(text)} is not an IP address`)
  // In the form of RFC 5952 there is no IPv4 part at the end.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail = ''] = canonical.split('::')
  const groups = (part: string) => (part === '' ? [] : part.split(':'))
  const front = groups(head)
  const back = groups(tail)
  const middle = new Array<string>(8 - front.length - back.length).fill('0')
  const all = [...front, ...middle, ...back].map((group) => Number.parseInt(group, 16))
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}

/** 4 or 16 bytes as they are written. */
export function addressText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)).toString(16),
  )
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

/** An IPv4 peer of a socket that listens on `::`, as it calls itself. */
export function withoutMapping(address: string): string {
  return address.startsWith('::') ? address.replace(/^::ffff:(?=\d+\.)/i, '') : address
}

/**
 * Whom the limits for one address count together: an IPv6 network of 64 bits is usually one
 * subscriber, who has all its addresses.
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address // the test for IPv6 is a long expression
  const plain = withoutMapping(address)
  if (!isIPv6(plain.split('%', 1)[0] ?? '')) return plain
  const bytes = addressBytes(plain)
  return `${addressText(bytes.fill(0, 8))}/64`
}

/** The network of a peer with its port, such as `[2001:db8::1]:51234`; undefined without an address. */
export function peerNetwork(address: string): string | undefined {
  const end = address.lastIndexOf(':')
  if (end < 0 || address.startsWith('unix:')) return undefined
  return networkOf(address.startsWith('[') ? address.slice(1, end - 1) : address.slice(0, end))
}
