import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesOf, hexOf, refusal } from '../../fuzz/frames.ts'
import { PacketReader, readPacketIdentifier } from './reader.ts'

/** A reader over these bytes, with others around them that it must not touch. */
function readerOf(hex: string): PacketReader {
  const bytes = bytesOf(hex)
  const surrounded = new Uint8Array(bytes.length + 8).fill(0x41)
  surrounded.set(bytes, 4)
  return new PacketReader(surrounded, 4, 4 + bytes.length)
}

type Field = 'byte' | 'u16' | 'u32' | 'varint' | 'utf8String'

const read: readonly (readonly [Field, string, number | string])[] = [
  ['byte', 'ff', 0xff],
  ['u16', '1234', 0x1234],
  ['u16', 'ffff', 0xffff],
  ['u32', '12345678', 0x12345678],
  ['u32', 'ffffffff', 0xffff_ffff],
  ['varint', '00', 0],
  ['varint', '7f', 127],
  ['varint', '8001', 128],
  ['varint', 'ff7f', 16_383],
  ['varint', '808001', 16_384],
  ['varint', 'ffff7f', 2_097_151],
  ['varint', '80808001', 2_097_152],
  ['varint', 'ffffff7f', 268_435_455],
  ['utf8String', '0000', ''],
  ['utf8String', "0003 'a b'", 'a b'],
  ['utf8String', '0001 7f', '\u007f'],
  ['utf8String', '0002 c3a9', 'é'],
  ['utf8String', '0004 f48fbfbf', '\u{10ffff}'],
  ['utf8String', "0004 efbbbf 'a'", '\ufeffa'],
  ['utf8String', "0004 'a' efbbbf", 'a\ufeff'],
  ['utf8String', '0003 efbfbd', '\ufffd'],
  ['utf8String', `0030 '${'x'.repeat(48)}'`, 'x'.repeat(48)],
  ['utf8String', `0031 '${'x'.repeat(49)}'`, 'x'.repeat(49)],
  ['utf8String', `1000 '${'x'.repeat(4096)}'`, 'x'.repeat(4096)],
]

for (const [field, hex, value] of read) {
  test(`reads ${field} ${hex.slice(0, 40)}`, () => {
    const reader = readerOf(`${hex} 99`)
    assert.equal(reader[field](), value)
    assert.equal(reader.rest().length, 1)
  })
}

const long = 'x'.repeat(60)
const refused: readonly (readonly [string | undefined, Field, string])[] = [
  [undefined, 'byte', ''],
  [undefined, 'u16', '12'],
  [undefined, 'u32', '123456'],
  [undefined, 'varint', ''],
  [undefined, 'varint', '80'],
  ['MQTT5-1.5.5-1', 'varint', '8000'],
  ['MQTT5-1.5.5-1', 'varint', '808000'],
  ['MQTT5-1.5.5-1', 'varint', 'ffffff00'],
  ['U5-1.5.5-a', 'varint', '8080808001'],
  ['U5-1.5.5-a', 'varint', 'ffffffff7f'],
  [undefined, 'utf8String', '00'],
  [undefined, 'utf8String', "0004 'abc'"],
  [undefined, 'utf8String', 'ffff'],
  ['MQTT5-1.5.4-2', 'utf8String', '0001 00'],
  ['MQTT5-1.5.4-2', 'utf8String', "0003 'a' 00 'b'"],
  ['MQTT5-1.5.4-2', 'utf8String', '0003 c3a9 00'],
  ['MQTT5-1.5.4-2', 'utf8String', `003d '${long}' 00`],
  ['MQTT5-1.5.4-1', 'utf8String', '0002 c080'],
  ['MQTT5-1.5.4-1', 'utf8String', '0003 e08080'],
  ['MQTT5-1.5.4-1', 'utf8String', '0003 eda080'],
  ['MQTT5-1.5.4-1', 'utf8String', '0006 eda081edb080'],
  ['MQTT5-1.5.4-1', 'utf8String', '0004 f4908080'],
  ['MQTT5-1.5.4-1', 'utf8String', '0005 f888808080'],
  ['MQTT5-1.5.4-1', 'utf8String', "0002 'a' ff"],
  ['MQTT5-1.5.4-1', 'utf8String', '0002 e282'],
  ['MQTT5-1.5.4-1', 'utf8String', '0001 80'],
  ['MQTT5-1.5.4-1', 'utf8String', `003e '${long}' c080`],
]

for (const [statement, field, hex] of refused) {
  test(`refuses ${field} ${hex.slice(0, 40)} [${statement}]`, () => {
    const error = refusal(() => readerOf(hex)[field]())
    assert.deepEqual([error.reasonCode, error.statement], [0x81, statement])
  })
}

const texts = read.flatMap(([field, hex, value]) => (field === 'utf8String' ? [[hex, value]] : []))

for (const known of ['', 'a b', 'é', '\u0080', 'AAA', ...texts.map(([, value]) => String(value))]) {
  test(`what may be ${JSON.stringify(known.slice(0, 40))} is read as it is`, () => {
    for (const [hex, value] of texts) {
      const reader = readerOf(`${hex} 99`)
      assert.equal(reader.knownString(known), value)
      assert.equal(reader.rest().length, 1)
    }
    for (const [, field, hex] of refused) {
      if (field !== 'utf8String') continue
      const { message } = refusal(() => readerOf(hex).utf8String())
      assert.equal(refusal(() => readerOf(hex).knownString(known)).message, message)
    }
  })
}

test('reads on after text that is not UTF-8', () => {
  refusal(() => readerOf('0001 e2').utf8String())
  assert.equal(readerOf('0002 c3a9').utf8String(), 'é')
})

test('binary fields and the rest are views', () => {
  const reader = readerOf('0002 00ff 0000 010203')
  assert.equal(hexOf(reader.binary()), '00ff')
  assert.equal(hexOf(reader.binary()), '')
  assert.equal(hexOf(reader.rest()), '010203')
  assert.ok(reader.isAtEnd)
  assert.equal(hexOf(reader.rest()), '')
})

test('a slice cannot be left', () => {
  const reader = readerOf('01 02 03')
  const slice = reader.slice(2)
  assert.equal(slice.u16(), 0x0102)
  assert.equal(refusal(() => slice.byte()).reasonCode, 0x81)
  assert.equal(reader.byte(), 3)
  assert.equal(refusal(() => readerOf('01').slice(2)).reasonCode, 0x81)
})

test('a Packet Identifier is not 0 [MQTT5-2.2.1-3]', () => {
  assert.equal(readPacketIdentifier(readerOf('ffff')), 0xffff)
  const error = refusal(() => readPacketIdentifier(readerOf('0000')))
  assert.deepEqual([error.reasonCode, error.statement], [0x82, 'MQTT5-2.2.1-3'])
})
