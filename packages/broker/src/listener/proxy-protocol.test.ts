import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProxyHeaderError, readProxyHeader } from './proxy-protocol.ts'

const signature = '0d0a0d0a000d0a515549540a'
const line = (text: string) => Buffer.from(text, 'latin1').toString('hex')
const ip4 = 'c0000201 cb007107 c35e 075b'
const ip6 = '20010db8000000000000000000000001 20010db8000000000000000000000002 c35e 075b'

// name, header in hex, client or none
const accepted = [
  ['version 1, IPv4', line('PROXY TCP4 192.0.2.1 203.0.113.7 50014 1883\r\n'), '192.0.2.1 50014'],
  [
    'version 1, IPv6',
    line('PROXY TCP6 2001:db8::1 2001:db8::2 50014 1883\r\n'),
    '2001:db8::1 50014',
  ],
  ['version 1, unknown', line('PROXY UNKNOWN\r\n'), undefined],
  ['version 1, unknown with addresses', line('PROXY UNKNOWN ::1 ::1 1 2\r\n'), undefined],
  ['version 1, the longest line', line(`PROXY UNKNOWN ${'f'.repeat(91)}\r\n`), undefined],
  ['version 2, IPv4', `${signature} 21 11 000c ${ip4}`, '192.0.2.1 50014'],
  ['version 2, IPv6', `${signature} 21 21 0024 ${ip6}`, '2001:db8::1 50014'],
  [
    'version 2 with more behind the addresses',
    `${signature} 21 11 000f ${ip4} 040000`,
    '192.0.2.1 50014',
  ],
  ['version 2, of the proxy itself', `${signature} 20 00 0000`, undefined],
  ['version 2, of the proxy itself with addresses', `${signature} 20 11 000c ${ip4}`, undefined],
  ['version 2, a Unix socket', `${signature} 21 31 00d8 ${'00'.repeat(216)}`, undefined],
] as const

const bytesOf = (hex: string) => Buffer.from(hex.replaceAll(' ', ''), 'hex')

for (const [name, hex, client] of accepted) {
  test(`reads ${name}, and says at each byte before its end that it is not complete`, () => {
    const bytes = bytesOf(hex)
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(readProxyHeader(bytes.subarray(0, length)), undefined)
    }
    const header = readProxyHeader(Buffer.concat([bytes, Buffer.from('behind')]))
    assert.equal(header?.length, bytes.length)
    assert.equal(header?.client && `${header.client.host} ${header.client.port}`, client)
  })
}

const refused = [
  ['CONNECT', '10 0c 0004 4d515454'],
  ['another word', line('PROXX ')],
  ['a protocol of its own', line('PROXY UDP4 192.0.2.1 203.0.113.7 1 2\r\n')],
  ['an address of the other family', line('PROXY TCP4 ::1 203.0.113.7 1 2\r\n')],
  ['an address that is a name', line('PROXY TCP4 localhost 203.0.113.7 1 2\r\n')],
  ['a port above 65535', line('PROXY TCP4 192.0.2.1 203.0.113.7 65536 2\r\n')],
  ['a port with a sign', line('PROXY TCP4 192.0.2.1 203.0.113.7 +1 2\r\n')],
  ['a port missing', line('PROXY TCP4 192.0.2.1 203.0.113.7 1\r\n')],
  ['more behind the ports', line('PROXY TCP4 192.0.2.1 203.0.113.7 1 2 3\r\n')],
  ['a line without an end', line(`PROXY ${'A'.repeat(101)}`)],
  ['a line that is too long', line(`PROXY UNKNOWN ${'f'.repeat(92)}\r\n`)],
  ['another version', `${signature} 31 11 000c ${ip4}`],
  ['an unknown command', `${signature} 22 11 000c ${ip4}`],
  ['addresses that are cut', `${signature} 21 11 0008 ${ip4}`],
  ['a length above what is read, at once', `${signature} 21 11 0ff1`],
] as const

for (const [name, hex] of refused) {
  test(`refuses ${name}`, () =>
    assert.throws(() => readProxyHeader(bytesOf(hex)), ProxyHeaderError))
}
