import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { text } from '../../fuzz/arbitraries.ts'
import { bytesOf, hexOf } from '../../fuzz/frames.ts'
import { PacketReader } from './reader.ts'
import { PacketWriter, varintWidth } from './writer.ts'

const varints = [
  [0, '00'],
  [127, '7f'],
  [128, '8001'],
  [16_383, 'ff7f'],
  [16_384, '808001'],
  [2_097_151, 'ffff7f'],
  [2_097_152, '80808001'],
  [268_435_455, 'ffffff7f'],
] as const

for (const [value, hex] of varints) {
  test(`writes ${value} in ${hex.length / 2} bytes [MQTT5-1.5.5-1]`, () => {
    const writer = new PacketWriter()
    writer.varint(value)
    assert.equal(hexOf(writer.view()), hex)
    assert.equal(varintWidth(value), hex.length / 2)
  })
}

test('writes the other data types', () => {
  const writer = new PacketWriter(1)
  writer.byte(0xff)
  writer.u16(0x1234)
  writer.u32(0xffff_fffe)
  writer.utf8String('aé')
  writer.binary(bytesOf('00ff'))
  writer.raw(bytesOf('01'))
  assert.equal(hexOf(writer.view()), hexOf(bytesOf("ff 1234 fffffffe 0003 'a' c3a9 0002 00ff 01")))
})

test('reads back whatever text it writes', () => {
  fc.assert(
    fc.property(text, (value) => {
      const writer = new PacketWriter(0)
      writer.utf8String(value)
      const bytes = writer.view()
      assert.equal(new PacketReader(bytes, 0, bytes.length).utf8String(), value)
    }),
  )
})

const longest = 'x'.repeat(65_535)
test('writes text of 65,535 bytes [MQTT5-4.7.3-3]', () => {
  const writer = new PacketWriter()
  writer.utf8String(longest)
  writer.utf8String(`${'é'.repeat(32_767)}a`)
  assert.equal(writer.length, 2 * 65_537)
})

const refused: readonly (readonly [string, RegExp, (writer: PacketWriter) => void])[] = [
  ['text of 65,536 characters', /at most 65535/, (w) => w.utf8String(`${longest}x`)],
  ['text of 65,536 bytes', /65536 bytes/, (w) => w.utf8String('é'.repeat(32_768))],
  ['65,536 bytes', /65536 bytes/, (w) => w.binary(new Uint8Array(65_536))],
  ['U+0000 [MQTT5-1.5.4-2]', /U\+0000/, (w) => w.utf8String('a\0')],
  ['U+0000 in long text [MQTT5-1.5.4-2]', /U\+0000/, (w) => w.utf8String(`${longest.slice(1)}\0`)],
  ['half a surrogate pair [MQTT5-1.5.4-1]', /surrogate/, (w) => w.utf8String('a\ud800b')],
  ['256 as a byte', /0 to 255/, (w) => w.byte(256)],
  ['-1 as a byte', /0 to 255/, (w) => w.byte(-1)],
  ['65,536 in two bytes', /0 to 65535/, (w) => w.u16(65_536)],
  ['half in four bytes', /0 to 4294967295/, (w) => w.u32(0.5)],
  ['NaN in four bytes', /0 to 4294967295/, (w) => w.u32(Number.NaN)],
  ['2^28 as a Variable Byte Integer', /0 to 268435455/, (w) => w.varint(268_435_456)],
]

for (const [name, message, write] of refused) {
  test(`refuses to write ${name}`, () => {
    const writer = new PacketWriter()
    assert.throws(() => write(writer), { name: 'RangeError', message })
  })
}

for (const length of [0, 127, 128, 16_383, 16_384, 2_097_152]) {
  for (const expected of [0, 127, 128, 20_000, 268_435_455]) {
    test(`fills in a length of ${length} where ${expected} was expected`, () => {
      const writer = new PacketWriter(0)
      writer.byte(0x90)
      const start = writer.openLength(expected)
      writer.raw(new Uint8Array(length).fill(7))
      writer.closeLength(start, expected, 0)
      const bytes = writer.view()
      const reader = new PacketReader(bytes, 1, bytes.length)
      assert.equal(reader.varint(), length)
      assert.deepEqual(reader.rest(), new Uint8Array(length).fill(7))
    })
  }
}

test('hands over what was written and starts anew', () => {
  const writer = new PacketWriter()
  writer.byte(1)
  const taken = writer.take()
  writer.byte(2)
  assert.equal(hexOf(taken), '01')
  assert.equal(hexOf(writer.view()), '02')
})
