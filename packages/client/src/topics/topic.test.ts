import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytes, json, text } from './codec.ts'
import { defineTopics } from './define-topics.ts'
import { TopicError } from './pattern.ts'
import { PayloadError } from './payload-error.ts'
import type { StandardSchema } from './standard-schema.ts'
import { type TopicOptions, type TopicPattern, topic } from './topic.ts'

/** For patterns that the compiler would refuse. */
const any = topic as (pattern: string, options?: TopicOptions) => TopicPattern

const utf8 = (value: string) => new TextEncoder().encode(value)

const filled = [
  ['a/{x}/b', { x: 'y' }, 'a/y/b', 'a/+/b'],
  ['{x}', { x: 'y' }, 'y', '+'],
  ['a/{n:int}', { n: -7 }, 'a/-7', 'a/+'],
  ['a/{n:int}', { n: 0 }, 'a/0', 'a/+'],
  ['a/{rest...}', { rest: ['b', 'c'] }, 'a/b/c', 'a/#'],
  ['a/{rest...}', { rest: [] }, 'a', 'a/#'],
  ['{rest...}', { rest: ['a'] }, 'a', '#'],
  ['/a//{x}/', { x: '$b' }, '/a//$b/', '/a//+/'],
  ['$SYS/{x}', { x: 'load' }, '$SYS/load', '$SYS/+'],
  ['a/{__proto__}', JSON.parse('{"__proto__":"y"}'), 'a/y', 'a/+'],
] as const

for (const [pattern, params, name, filter] of filled) {
  test(`${pattern} is ${name}, and ${name} is of ${pattern}`, () => {
    const made = any(pattern)
    assert.equal(made.filter, filter)
    assert.equal(made.with(params).topicName, name)
    assert.deepEqual({ ...made.match(name) }, params)
  })
}

const refusedPatterns = [
  ['', 'is 1 to 65,535 bytes'],
  ['a/+/b', 'neither text nor'],
  ['a/#', 'neither text nor'],
  ['a/x{y}', 'neither text nor'],
  ['a/{}', 'neither text nor'],
  ['a/{x y}', 'neither text nor'],
  ['a/{x', 'neither text nor'],
  ['a/{x:int...}', 'a type that there is not'],
  ['a/{x:float}', 'a type that there is not'],
  ['{x}/{x}', 'has a parameter twice'],
  ['{x...}/a', 'takes all that follow'],
  ['a\0', 'without control characters'],
] as const

for (const [pattern, reason] of refusedPatterns) {
  test(`refuses the pattern ${JSON.stringify(pattern)}: ${reason}`, () => {
    assert.throws(
      () => any(pattern),
      (error: unknown) =>
        error instanceof TopicError &&
        error.code === 'invalid-topic' &&
        error.message.includes(reason),
    )
  })
}

const refusedValues = [
  ['a/{x}', {}, '{x} of a/{x} is missing'],
  ['a/{x}', { x: 'y', z: 'y' }, 'has no parameter {z}'],
  ['a/{x}', { x: 7 }, 'is not text'],
  ['a/{x}', { x: '' }, 'is empty'],
  ['a/{x}', { x: 'b/c' }, 'has a /'],
  ['a/{x}', { x: '+' }, 'has a wildcard'],
  ['a/{x}', { x: 'b#' }, 'has a wildcard'],
  ['a/{x}', { x: 'b\0' }, 'has U+0000'],
  ['a/{x}', { x: '\ud800' }, 'without control characters'],
  ['a/{x}', { x: '\u0001' }, 'control character'],
  ['a/{x}', { x: 'b'.repeat(65_534) }, 'is 1 to 65,535 bytes'],
  ['a/{x:int}', { x: '7' }, 'is not a whole number'],
  ['a/{x:int}', { x: 7.5 }, 'is not a whole number'],
  ['a/{x:int}', { x: 2 ** 53 }, 'is not a whole number'],
  ['a/{x...}', { x: 'b' }, 'is not a list of levels'],
  ['a/{x...}', { x: ['b', '#'] }, 'has a wildcard'],
  ['{x}/a', { x: '$SYS' }, 'begins with $'],
  ['{x...}', { x: [] }, 'is 1 to 65,535 bytes'],
] as const

for (const [pattern, params, reason] of refusedValues) {
  const shown = JSON.stringify(params).slice(0, 40)
  test(`refuses ${shown} for ${pattern}: ${reason}`, () => {
    const made = any(pattern)
    assert.throws(
      () => made.with(params as never),
      (error: unknown) => error instanceof TopicError && error.message.includes(reason),
    )
  })
}

const foreign = [
  ['a/{x}', 'a'],
  ['a/{x}', 'a/b/c'],
  ['a/{x}', 'b/c'],
  ['a/{x:int}', 'a/07'],
  ['a/{x:int}', 'a/1e3'],
  ['a/{x:int}', 'a/-0'],
  ['a/{x:int}', 'a/9007199254740993'],
  ['a/{x:int}', 'a/'],
  ['{x}/load', '$SYS/load'],
  ['a/b/{x...}', 'a'],
] as const

for (const [pattern, name] of foreign) {
  test(`${name} is none of ${pattern}`, () => assert.equal(any(pattern).match(name), undefined))
}

test('what was filled in is read back', () => {
  const level = fc.string({ unit: 'binary', minLength: 1, maxLength: 5 })
  const pattern = any('plant/{area}/{id:int}/{rest...}')
  fc.assert(
    fc.property(level, fc.maxSafeInteger(), fc.array(level), (area, id, rest) => {
      const params = { area, id, rest }
      let name: string
      try {
        name = pattern.with(params).topicName
      } catch (error) {
        return error instanceof TopicError
      }
      assert.deepEqual({ ...pattern.match(name) }, params)
      return true
    }),
  )
})

type Coded = readonly [string, TopicOptions['codec'] & {}, unknown, string, string | undefined]

const coded: readonly Coded[] = [
  ['json', json, { t: [1, 'ü'] }, '{"t":[1,"ü"]}', 'application/json'],
  ['text', text, 'grün', 'grün', 'text/plain; charset=utf-8'],
  ['bytes', bytes, utf8('x'), 'x', undefined],
]

for (const [name, codec, value, written, contentType] of coded) {
  test(`${name} writes and reads, and says what it is`, async () => {
    const made = any('a', { codec })
    const { payload, ...described } = await made.encode(value)
    assert.equal(new TextDecoder().decode(payload), written)
    const expected = contentType === undefined ? {} : { contentType, payloadFormatIndicator: 1 }
    assert.deepEqual(described, expected)
    assert.deepEqual(await made.decode(payload), value)
  })
}

const unreadable = [
  ['json', json, '7b', 'is not JSON'],
  ['json', json, '22ff22', 'is not UTF-8'],
  ['text', text, 'c3', 'is not UTF-8'],
] as const

for (const [name, codec, hex, reason] of unreadable) {
  test(`${name} refuses ${hex}: ${reason}`, () => {
    const decode = () => any('a/b', { codec }).decode(Uint8Array.from(Buffer.from(hex, 'hex')))
    assert.throws(decode, { name: 'PayloadError', message: `a payload of a/b ${reason}` })
  })
}

for (const value of [undefined, () => 1, 1n]) {
  test(`json cannot write ${typeof value}`, () => {
    assert.throws(() => any('a', { codec: json }).encode(value), PayloadError)
  })
}

/** A schema of `{ t: number }` that gives the number, at once or later. */
function numberIn(isLater: boolean): StandardSchema<{ t: number }, number> {
  const check = (value: unknown) => {
    const t = (value as { t?: unknown })?.t
    if (typeof t === 'number') return { value: t }
    return { issues: [{ message: `no number: \u001b[31m${t}`, path: ['t', { key: 0 }] }] }
  }
  return {
    '~standard': {
      version: 1,
      vendor: 'busbar-test',
      validate: (value) => (isLater ? Promise.resolve(check(value)) : check(value)),
    },
  }
}

for (const isLater of [false, true]) {
  const name = isLater ? 'asynchronous' : 'synchronous'
  const readings = topic('t/{id}', { schema: numberIn(isLater) })

  test(`a ${name} schema: JSON without being asked; the wire carries what it takes`, async () => {
    const { payload, contentType } = await readings.with({ id: 'x' }).encode({ t: 3 })
    assert.equal(new TextDecoder().decode(payload), '{"t":3}')
    assert.equal(contentType, 'application/json')
    const decoded = readings.decode(payload)
    assert.equal(decoded instanceof Promise, isLater)
    assert.equal(await decoded, 3)
  })

  test(`a ${name} schema names the field, and prints nothing from the wire as it is`, async () => {
    const message =
      'a payload of t/{id} does not fit its schema: t.0: no number: \\u001b[31mundefined'
    await assert.rejects(async () => readings.decode(utf8('{}')), { name: 'PayloadError', message })
    await assert.rejects(async () => readings.encode({ t: 'warm' } as never), PayloadError)
  })
}

test('topics with one filter between them cannot stand side by side', () => {
  const definitions = { one: any('a/{x}'), two: any('a/{y}') }
  assert.throws(() => defineTopics(definitions), {
    name: 'TopicError',
    message: 'two (a/{y}) has the same topics as one: a/+',
  })
  const defined = defineTopics({ one: any('a/{x}'), two: any('a/b') })
  assert.deepEqual(Object.keys(defined), ['one', 'two'])
  assert.equal(Object.isFrozen(defined), true)
})
