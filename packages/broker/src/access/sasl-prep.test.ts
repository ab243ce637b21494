import assert from 'node:assert/strict'
import { test } from 'node:test'
import { preparedName, saslPrep } from './sasl-prep.ts'

const prepared = [
  // the examples of RFC 4013, section 3
  ['a soft hyphen is dropped', 'I\u00adX', 'IX'],
  ['plain text stays', 'user', 'user'],
  ['case stays', 'USER', 'USER'],
  ['a feminine ordinal becomes a letter', '\u00aa', 'a'],
  ['a Roman number becomes letters', '\u2168', 'IX'],
  ['a control character is prohibited', '\u0007', undefined],
  // the rest of the tables
  ['nothing stays nothing', '', ''],
  ['spaces become U+0020', 'a\u00a0b\u200bc\u3000d', 'a b c d'],
  ['a combining accent is composed', 'u\u0308', '\u00fc'],
  ['a byte order mark is dropped', '\ufeffa', 'a'],
  ['an emoji, younger than Unicode 3.2, is kept', '\u{1f511}', '\u{1f511}'],
  ['text from right to left with a digit is kept', '\u06271', '\u06271'],
  ['U+0000 is prohibited', 'a\0', undefined],
  ['DEL is prohibited', '\u007f', undefined],
  ['private use is prohibited', '\ue000', undefined],
  ['a character that is none is prohibited', '\ufdd0', undefined],
  ['a lone surrogate is prohibited', '\ud800', undefined],
  ['a replacement character is prohibited', '\ufffd', undefined],
  ['a change of direction is prohibited', 'a\u202eb', undefined],
  ['a tag is prohibited', 'a\u{e0041}', undefined],
] as const

for (const [name, text, result] of prepared) {
  test(`SASLprep: ${name}`, () => assert.equal(saslPrep(text), result))
}

test('a name of a stranger that takes long to be prepared is left as it is', () => {
  assert.equal(preparedName('\u0301\u0323'), '\u0323\u0301')
  const name = '\u0301\u0323'.repeat(16_000) // half a second
  assert.equal(preparedName(name), name)
})
