import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSubscriptionFilter, parseTopicName, topicMatches } from '@busbar/protocol'
import fc from 'fast-check'
import { checkTopicFilter, formOf, isTopicName } from './topic-text.ts'

// The short forms of the client, held against those of the protocol.

const piece = fc.constantFrom(
  ...['a', 'b', '/', '/', '+', '#', '$', '$share/', 'é', '😀', '\ud800', '\udc00', '\uffff'],
  ...['\ufdd0', '\0', '\n', '\u007f', '\u2028', '.', '*', '(', '\\', '|', '^', '[', '{', '?'],
)
const text = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(''))

function isTaken(take: () => unknown): boolean {
  try {
    take()
    return true
  } catch {
    return false
  }
}

test('takes for a Topic Name or a Topic Filter what the protocol takes', () => {
  fc.assert(
    fc.property(text, (each) => {
      assert.equal(
        isTopicName(each),
        isTaken(() => parseTopicName(each)),
      )
      assert.equal(
        isTaken(() => checkTopicFilter(each)),
        isTaken(() => parseSubscriptionFilter(each)),
      )
    }),
    { numRuns: 5_000 },
  )
})

const lengths = [21_845, 21_846, 32_767, 32_768, 65_535, 65_536]
for (const character of ['a', 'é', '€']) {
  test(`counts bytes and not characters: ${character}`, () => {
    for (const length of lengths) {
      const long = character.repeat(length)
      assert.equal(
        isTopicName(long),
        isTaken(() => parseTopicName(long)),
      )
    }
  })
}

test('a Topic Filter matches what the protocol says', () => {
  const level = fc.constantFrom('', 'a', 'b', '+', '$', 'a.b', '$share', 'g', '\\', '(', 'é')
  const levels = fc.array(level, { minLength: 1, maxLength: 4 }).map((each) => each.join('/'))
  const filter = fc.oneof(
    levels,
    levels.map((each) => `${each}/#`),
    fc.constant('#'),
  )
  fc.assert(
    fc.property(filter, levels, (topicFilter, topicName) => {
      fc.pre(isTaken(() => checkTopicFilter(topicFilter)) && isTopicName(topicName))
      const expected = topicMatches(parseSubscriptionFilter(topicFilter).topicFilter, topicName)
      assert.equal(formOf(topicFilter).test(topicName), expected)
    }),
    { numRuns: 5_000 },
  )
})
