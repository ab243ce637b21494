import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../reason-codes.ts'
import { OutboundTopicAliases } from './outbound-topic-aliases.ts'
import { InboundTopicAliases } from './topic-aliases.ts'

test('an alias stands for the Topic Name it came with last [U5-3.3.2-b] [MQTT5-3.3.2-12]', () => {
  const aliases = new InboundTopicAliases(2)
  assert.equal(aliases.resolve('plain', undefined), 'plain')
  for (const alias of [1, 2]) {
    assert.equal(aliases.resolve('a', alias), 'a')
    assert.equal(aliases.resolve('', alias), 'a')
    assert.equal(aliases.resolve('b', alias), 'b')
    assert.equal(aliases.resolve('', alias), 'b')
  }
})

const refused = [
  ['U5-3.3.2-a', 'neither name nor alias', 2, '', undefined, ReasonCode.ProtocolError],
  ['U5-3.3.4-b', 'an alias that stands for nothing', 2, '', 2, ReasonCode.ProtocolError],
  ['MQTT5-3.3.2-8', 'alias 0', 2, '', 0, ReasonCode.TopicAliasInvalid],
  ['MQTT5-3.3.2-8', 'alias 0 with a name', 2, 'a', 0, ReasonCode.TopicAliasInvalid],
  ['U5-3.3.4-a', 'an alias above the maximum', 2, 'a', 3, ReasonCode.TopicAliasInvalid],
  ['U5-3.3.4-a', 'an alias where there are none', 0, 'a', 1, ReasonCode.TopicAliasInvalid],
] as const

for (const [statement, name, maximum, topicName, alias, reasonCode] of refused) {
  test(`a PUBLISH with ${name} is refused [${statement}]`, () => {
    const aliases = new InboundTopicAliases(maximum)
    if (maximum > 0) aliases.resolve('known', 1)
    assert.throws(() => aliases.resolve(topicName, alias), { reasonCode, statement })
  })
}

test('no alias is sent to a peer that takes none [MQTT5-3.1.2-27]', () => {
  assert.equal(new OutboundTopicAliases(0).assign('a'), undefined)
})

test('aliases go from 1 to the maximum; then the least recently used one moves [MQTT5-3.1.2-26]', () => {
  const aliases = new OutboundTopicAliases(3)
  const assigned = [...'abcabdbcaa'].map((name) => {
    const { alias, isKnown } = aliases.assign(name) ?? { alias: 0, isKnown: false }
    return `${name}${alias}${isKnown ? '' : '!'}`
  })
  assert.equal(assigned.join(' '), 'a1! b2! c3! a1 b2 d3! b2 c1! a3! a3')
})

test('a single alias moves with each change of the Topic Name [MQTT5-3.1.2-26]', () => {
  const aliases = new OutboundTopicAliases(1)
  assert.deepEqual(aliases.assign('a'), { alias: 1, isKnown: false })
  assert.deepEqual(aliases.assign('a'), { alias: 1, isKnown: true })
  assert.deepEqual(aliases.assign('b'), { alias: 1, isKnown: false })
  assert.deepEqual(aliases.assign('a'), { alias: 1, isKnown: false })
})

test('an alias whose packet was not sent is announced again', () => {
  const aliases = new OutboundTopicAliases(2)
  aliases.assign('a')
  aliases.assign('b')
  aliases.forget('a')
  aliases.forget('c')
  assert.deepEqual(aliases.assign('a'), { alias: 1, isKnown: false })
  assert.deepEqual(aliases.assign('b'), { alias: 2, isKnown: true })
  assert.deepEqual(aliases.assign('a'), { alias: 1, isKnown: true })
})

test('what one side assigns the other resolves [MQTT5-3.3.2-10] [MQTT5-3.3.2-12]', () => {
  const sender = new OutboundTopicAliases(5)
  const receiver = new InboundTopicAliases(5)
  for (let turn = 0; turn < 1_000; turn++) {
    const name = `topic/${(turn * turn) % 13}`
    const assigned = sender.assign(name)
    assert.equal(receiver.resolve(assigned?.isKnown ? '' : name, assigned?.alias), name)
  }
})
