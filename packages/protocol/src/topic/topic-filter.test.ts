import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ProtocolError } from '../errors.ts'
import { ReasonCode } from '../reason-codes.ts'
import { hasWildcard, parseSubscriptionFilter, parseTopicFilter } from './topic-filter.ts'

const accepted = [
  ['MQTT5-4.7.1-1', '#'],
  ['MQTT5-4.7.1-1', 'a/#'],
  ['MQTT5-4.7.1-1', '/#'],
  ['MQTT5-4.7.1-2', '+'],
  ['MQTT5-4.7.1-2', '+/a'],
  ['MQTT5-4.7.1-2', 'a/+/b'],
  ['MQTT5-4.7.1-2', '/+'],
  ['MQTT5-4.7.1-2', '+/+/#'],
  ['MQTT5-4.7.3-1', '/'],
  ['MQTT5-4.7.3-4', 'a//b '],
  ['MQTT5-4.8.2-1', '$SHARE/g/t'],
  ['MQTT5-4.8.2-1', '$share'],
  ['MQTT5-4.7.3-3', 'a'.repeat(65_535)],
] as const

const refused = [
  ['MQTT5-4.7.3-1', ''],
  ['MQTT5-4.7.1-1', 'a#'],
  ['MQTT5-4.7.1-1', 'a/b#'],
  ['MQTT5-4.7.1-1', 'a/#/b'],
  ['MQTT5-4.7.1-1', '#/b'],
  ['MQTT5-4.7.1-1', '##'],
  ['MQTT5-4.7.1-2', '+#'],
  ['MQTT5-4.7.1-2', 'a+'],
  ['MQTT5-4.7.1-2', '+a'],
  ['MQTT5-4.7.1-2', '++'],
  ['MQTT5-4.7.1-2', 'a/+b'],
  ['MQTT5-4.7.1-2', 'a+/b'],
  ['MQTT5-4.7.3-2', 'a/\u0000'],
  ['U5-1.5.4-a', 'a/\u001b'],
  ['MQTT5-1.5.4-1', '+/\ud834'],
  ['MQTT5-4.7.3-3', `+/${'é'.repeat(32_767)}`],
] as const

const shared = [
  ['MQTT5-4.8.2-1', '$share/g/t', 'g', 't', false],
  ['MQTT5-4.8.2-2', '$share/g//t', 'g', '/t', false],
  ['MQTT5-4.8.2-2', '$share/g//', 'g', '/', false],
  ['MQTT5-4.8.2-2', '$share/g/#', 'g', '#', true],
  ['MQTT5-4.8.2-2', '$share/a b/+/x', 'a b', '+/x', true],
  ['MQTT5-4.8.2-2', '$share/g/$share/h/t', 'g', '$share/h/t', false],
] as const

const refusedShared = [
  ['MQTT5-4.8.2-1', '$share/'],
  ['MQTT5-4.8.2-1', '$share//t'],
  ['MQTT5-4.8.2-2', '$share/g'],
  ['MQTT5-4.8.2-2', '$share/g/'],
  ['MQTT5-4.8.2-2', '$share/g+/t'],
  ['MQTT5-4.8.2-2', '$share/+/t'],
  ['MQTT5-4.8.2-2', '$share/#/t'],
  ['MQTT5-4.8.2-2', '$share/#'],
  ['MQTT5-4.7.1-1', '$share/g/t#'],
  ['MQTT5-4.7.1-2', '$share/g/+t'],
  ['U5-1.5.4-a', '$share/g\u0007/t'],
  ['MQTT5-4.7.3-3', `$share/g/${'a'.repeat(65_535 - 8)}`],
] as const

for (const [statement, text] of accepted) {
  test(`accepts ${show(text)} [${statement}]`, () => {
    assert.equal(parseTopicFilter(text), text)
    assert.deepEqual(parseSubscriptionFilter(text), {
      text,
      shareName: undefined,
      topicFilter: text,
      hasWildcard: /[+#]/.test(text),
    })
  })
}

for (const [statement, text] of refused) {
  test(`refuses ${show(text)} [${statement}]`, () => {
    assert.throws(() => parseTopicFilter(text), isRefusal(statement))
    assert.throws(() => parseSubscriptionFilter(text), isRefusal(statement))
    if (text !== '') {
      assert.throws(() => parseSubscriptionFilter(`$share/g/${text}`), isRefusal(statement))
    }
  })
}

for (const [statement, text, shareName, topicFilter, isWild] of shared) {
  test(`accepts ${text} as a Shared Subscription [${statement}]`, () => {
    assert.deepEqual(parseSubscriptionFilter(text), {
      text,
      shareName,
      topicFilter,
      hasWildcard: isWild,
    })
  })
}

for (const [statement, text] of refusedShared) {
  test(`refuses ${show(text)} as a Shared Subscription [${statement}]`, () => {
    assert.throws(() => parseSubscriptionFilter(text), isRefusal(statement))
  })
}

test('a Topic Filter has at most the given number of levels, ShareName apart', () => {
  assert.equal(parseTopicFilter('a/+/#', 3), 'a/+/#')
  assert.equal(parseSubscriptionFilter('$share/g/a/+/#', 3).topicFilter, 'a/+/#')
  const tooMany = { reasonCode: ReasonCode.TopicFilterInvalid, statement: undefined }
  assert.throws(() => parseTopicFilter('a/+//#', 3), tooMany)
  assert.throws(() => parseSubscriptionFilter('a/+//#', 3), tooMany)
  assert.throws(() => parseSubscriptionFilter('$share/g/a/+//#', 3), tooMany)
})

test('hasWildcard tells filters for one Topic Name from others', () => {
  for (const text of ['a', '/', 'a/b', '$share']) {
    assert.equal(hasWildcard(parseTopicFilter(text)), false, text)
  }
  for (const text of ['#', '+', 'a/+', 'a/#', '+/b']) {
    assert.equal(hasWildcard(parseTopicFilter(text)), true, text)
  }
})

function isRefusal(statement: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof ProtocolError &&
    error.reasonCode === ReasonCode.TopicFilterInvalid &&
    error.statement === statement
}

function show(text: string): string {
  return text.length > 40 ? `${text.length} characters` : JSON.stringify(text)
}
