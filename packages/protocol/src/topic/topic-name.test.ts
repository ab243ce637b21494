import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { parseTopicName } from './topic-name.ts'

const accepted = [
  ['MQTT5-4.7.3-1', 'one character', 'a'],
  ['MQTT5-4.7.3-1', 'a separator alone', '/'],
  ['MQTT5-4.7.3-4', 'empty levels', '//a//b/'],
  ['MQTT5-4.7.3-4', 'spaces and capitals', ' Accounts payable '],
  ['MQTT5-4.7.2-1', 'a leading $', '$SYS/broker/uptime'],
  ['MQTT5-1.5.4-3', 'U+FEFF', '\ufeffa'],
  ['U5-1.5.4-a', 'U+007E and U+00A0', '~\u00a0'],
  ['U5-1.5.4-a', 'the neighbours of the non-characters', '\ufdcf\ufdf0\ufffd\u{10000}\u{10fffd}'],
  ['MQTT5-4.7.3-3', '65,535 bytes', 'a'.repeat(65_535)],
  ['MQTT5-4.7.3-3', '65,535 bytes in 2 each and one', `${'é'.repeat(32_767)}a`],
  ['MQTT5-4.7.3-3', '65,535 bytes in 3 each', '€'.repeat(21_845)],
  ['MQTT5-4.7.3-3', '65,535 bytes in 4 each and three', `${'𝄞'.repeat(16_383)}abc`],
] as const

const refused = [
  ['MQTT5-4.7.3-1', 'no character', ''],
  ['MQTT5-3.3.2-2', '+ as a level', 'a/+/b'],
  ['MQTT5-3.3.2-2', '+ in a level', 'a+b'],
  ['MQTT5-3.3.2-2', '# as a level', 'a/#'],
  ['MQTT5-3.3.2-2', '# in a level', 'a#'],
  ['MQTT5-4.7.3-2', 'U+0000', 'a\u0000b'],
  ['U5-1.5.4-a', 'U+0001', '\u0001'],
  ['U5-1.5.4-a', 'U+001F', 'a/\u001f'],
  ['U5-1.5.4-a', 'U+007F', 'a\u007f'],
  ['U5-1.5.4-a', 'U+0080', 'a\u0080'],
  ['U5-1.5.4-a', 'U+009F', 'a\u009f'],
  ['U5-1.5.4-a', 'U+FDD0', 'a\ufdd0'],
  ['U5-1.5.4-a', 'U+FFFF', 'a\uffff'],
  ['U5-1.5.4-a', 'U+1FFFE', 'a\u{1fffe}'],
  ['MQTT5-1.5.4-1', 'a first half of a pair alone', 'a\ud834'],
  ['MQTT5-1.5.4-1', 'a second half of a pair alone', '\udd1ea'],
  ['MQTT5-1.5.4-1', 'halves in the wrong order', '\udd1e\ud834'],
  ['MQTT5-1.5.4-1', 'a second half after a pair', '𝄞\udd1e'],
  ['MQTT5-4.7.3-3', '65,536 bytes', 'a'.repeat(65_536)],
  ['MQTT5-4.7.3-3', '65,536 bytes in 2 each', 'é'.repeat(32_768)],
  ['MQTT5-4.7.3-3', '65,536 bytes in 3 each and one', `${'€'.repeat(21_845)}a`],
  ['MQTT5-4.7.3-3', '65,536 bytes in 4 each', '𝄞'.repeat(16_384)],
] as const

for (const [statement, name, text] of accepted) {
  test(`a Topic Name may have ${name} [${statement}]`, () => {
    assert.equal(parseTopicName(text), text)
  })
}

for (const [statement, name, text] of refused) {
  test(`a Topic Name may not have ${name} [${statement}]`, () => {
    assert.throws(
      () => parseTopicName(text),
      (error) =>
        error instanceof ProtocolError &&
        error.reasonCode === ReasonCode.TopicNameInvalid &&
        error.statement === statement,
    )
  })
}

test('a Topic Name has at most the given number of levels', () => {
  assert.equal(parseTopicName('a/b//', 4), 'a/b//')
  assert.throws(() => parseTopicName('a/b///', 4), { reasonCode: ReasonCode.TopicNameInvalid })
})
