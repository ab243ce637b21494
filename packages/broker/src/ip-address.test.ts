import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addressBytes, addressText, networkOf, peerNetwork } from './ip-address.ts'

const rows = [
  ['192.0.2.1', 'c0000201', '192.0.2.1', '192.0.2.1'],
  ['::1', '00000000000000000000000000000001', '::1', '::/64'],
  ['::', '00000000000000000000000000000000', '::', '::/64'],
  [
    '2001:db8:1:2:3:4:5:6',
    '20010db8000100020003000400050006',
    '2001:db8:1:2:3:4:5:6',
    '2001:db8:1:2::/64',
  ],
  ['fe80::1%eth0', 'fe800000000000000000000000000001', 'fe80::1', 'fe80::/64'],
  ['64:ff9b::192.0.2.33', '0064ff9b0000000000000000c0000221', '64:ff9b::c000:221', '64:ff9b::/64'],
] as const

for (const [text, hex, canonical, network] of rows) {
  test(`${text} as bytes, as text and as a network`, () => {
    const bytes = addressBytes(text)
    assert.equal(Buffer.from(bytes).toString('hex'), hex)
    assert.equal(addressText(bytes), canonical)
    assert.equal(networkOf(text), network)
  })
}

test('an IPv4 peer of an IPv6 socket is counted as IPv4', () => {
  assert.equal(networkOf('::ffff:192.0.2.1'), '192.0.2.1')
})

test('a peer is counted by its network, whatever its port', () => {
  const peers = [
    ['192.0.2.1:51234', '192.0.2.1'],
    ['[2001:db8:1:2:3:4:5:6]:1', '2001:db8:1:2::/64'],
    ['[fe80::1%eth0]:65535', 'fe80::/64'],
    ['[::ffff:192.0.2.1]:1', '192.0.2.1'],
    // those without an address
    ['unix:1', undefined],
    ['unknown', undefined],
    ['memory', undefined],
  ] as const
  for (const [address, network] of peers) assert.equal(peerNetwork(address), network, address)
})

test('what is no address is refused', () => {
  for (const text of ['', 'localhost', '1.2.3', '[::1]'])
    assert.throws(() => addressBytes(text), RangeError)
})
