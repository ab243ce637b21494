import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cbor } from './cbor.ts'
import { PayloadError } from './topics/payload-error.ts'
import { topic } from './topics/topic.ts'

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hex = (data: Uint8Array) => Buffer.from(data).toString('hex')

// RFC 8949, Appendix A: what is also written like that.
const examples: readonly [value: unknown, hex: string][] = [
  [0, '00'],
  [1, '01'],
  [10, '0a'],
  [23, '17'],
  [24, '18 18'],
  [25, '18 19'],
  [100, '18 64'],
  [1_000, '19 03e8'],
  [1_000_000, '1a 000f4240'],
  [1_000_000_000_000, '1b 000000e8d4a51000'],
  [18_446_744_073_709_551_615n, '1b ffffffffffffffff'],
  [-18_446_744_073_709_551_616n, '3b ffffffffffffffff'],
  [-1, '20'],
  [-10, '29'],
  [-100, '38 63'],
  [-1_000, '39 03e7'],
  [1.1, 'fb 3ff199999999999a'],
  [1.5, 'f9 3e00'],
  [100_000.5, 'fa 47c35040'],
  [3.402_823_466_385_288_6e38, 'fa 7f7fffff'],
  [1.0e300, 'fb 7e37e43c8800759c'],
  [2 ** -24, 'f9 0001'],
  [0.000_061_035_156_25, 'f9 0400'],
  [-4.1, 'fb c010666666666666'],
  [Number.POSITIVE_INFINITY, 'f9 7c00'],
  [Number.NaN, 'f9 7e00'],
  [Number.NEGATIVE_INFINITY, 'f9 fc00'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [undefined, 'f7'],
  [new Uint8Array(), '40'],
  [Uint8Array.of(1, 2, 3, 4), '44 01020304'],
  ['', '60'],
  ['a', '61 61'],
  ['IETF', '64 49455446'],
  ['"\\', '62 225c'],
  ['ü', '62 c3bc'],
  ['水', '63 e6b0b4'],
  ['\u{10151}', '64 f0908591'],
  [[], '80'],
  [[1, 2, 3], '83 01 02 03'],
  [[1, [2, 3], [4, 5]], '83 01 82 0203 82 0405'],
  [
    Array.from({ length: 25 }, (_, n) => n + 1),
    '9819 0102030405060708090a0b0c0d0e0f1011121314151617 1818 1819',
  ],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a2 6161 01 6162 82 0203'],
  [['a', { b: 'c' }], '82 6161 a1 6162 6163'],
  [{ a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }, 'a5 61616141 61626142 61636143 61646144 61656145'],
]
for (const [value, written] of examples) {
  test(`CBOR ${written}`, () => {
    assert.deepEqual(cbor.decode(bytes(written)), value)
    assert.equal(hex(cbor.encode(value)), written.replaceAll(' ', ''))
  })
}

// Appendix A: other forms of the same, which are read.
const read: readonly [value: unknown, hex: string][] = [
  [1, 'f9 3c00'],
  [65_504, 'f9 7bff'],
  [Number.POSITIVE_INFINITY, 'fb 7ff0000000000000'],
  [[], '9f ff'],
  [[1, [2, 3], [4, 5]], '9f 01 82 0203 9f 0405 ff ff'],
  [{ a: 1, b: [2, 3] }, 'bf 6161 01 6162 9f 0203 ff ff'],
  [{ Fun: true, Amt: -2 }, 'bf 63 46756e f5 63 416d74 21 ff'],
]
for (const [value, written] of read) {
  test(`CBOR ${written} is read`, () => assert.deepEqual(cbor.decode(bytes(written)), value))
}

const refused: readonly [name: string, hex: string][] = [
  ['nothing', ''],
  ['two items', '00 00'],
  ['an item that ends early', '19 03'],
  ['a string that ends early', '64 4945'],
  ['an array of four billion items, of which none comes', '9a ffffffff'],
  ['a map of four billion entries, of which none comes', 'ba ffffffff'],
  ['bytes of 2^53 and more', '5b 0020000000000000 00'],
  ['a key twice', 'a2 6161 01 6161 02'],
  ['a key that is no text', 'a1 01 02'],
  ['a tag', 'c1 1a 514b67b0'],
  ['bytes in pieces', '5f 42 0102 43 030405 ff'],
  ['text in pieces', '7f 65 7374726561 64 6d696e67 ff'],
  ['a break outside', 'ff'],
  ['a reserved length', '1c'],
  ['arrays within arrays, beyond all depth', '81'.repeat(200_000)],
]
for (const [name, written] of refused) {
  test(`CBOR refuses ${name}`, () => {
    assert.throws(() => cbor.decode(bytes(written)), PayloadError)
  })
}

test('a key __proto__ is a key', () => {
  const value = cbor.decode(bytes('a1 69 5f5f70726f746f5f5f a1 6161 01')) as { a?: number }
  assert.equal(value.a, undefined)
  assert.deepEqual(Object.keys(value), ['__proto__'])
})

test('what has no CBOR form is refused', () => {
  const circle: unknown[] = []
  circle.push(circle)
  for (const value of [() => {}, Symbol('s'), circle, 2n ** 64n]) {
    assert.throws(() => cbor.encode(value), PayloadError)
  }
})

test('what was written stays as it is while more is written', () => {
  const first = cbor.encode('a')
  cbor.encode('b')
  assert.equal(hex(first), '6161')
})

test('a topic of CBOR says so, and its messages are read', async () => {
  const state = topic('state/{id}', { codec: cbor })
  const { payload, contentType, payloadFormatIndicator } = await state
    .with({ id: '7' })
    .encode({ on: true })
  assert.deepEqual([contentType, payloadFormatIndicator], ['application/cbor', undefined])
  assert.deepEqual(await state.decode(payload), { on: true })
})
