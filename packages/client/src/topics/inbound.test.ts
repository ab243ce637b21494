import assert from 'node:assert/strict'
import { test } from 'node:test'
import { json } from './codec.ts'
import { readMessage } from './inbound.ts'
import { PayloadError } from './payload-error.ts'
import type { StandardSchema } from './standard-schema.ts'
import { type TopicPattern, topic } from './topic.ts'

const utf8 = (value: string) => new TextEncoder().encode(value)

function schema(validate: StandardSchema['~standard']['validate']): StandardSchema {
  return { '~standard': { version: 1, vendor: 'busbar-test', validate } }
}

const never = schema(async () => ({ issues: [{ message: 'never' }] }))
const broken = schema(() => {
  throw new TypeError('a bug of the schema')
})

test('a message is its parameters and its value', async () => {
  const reading = await readMessage(topic('a/{id:int}', { codec: json }), 'a/7', utf8('[1]'))
  assert.deepEqual(
    { ...reading, params: { ...(reading.params as object) } },
    {
      params: { id: 7 },
      value: [1],
    },
  )
})

const faults = [
  ['its topic', topic('a/{id:int}', { codec: json }) as TopicPattern, 'a/b', '1'],
  ['its bytes', topic('a/{id}', { codec: json }) as TopicPattern, 'a/b', '{'],
  ['what its schema says, later', topic('a/{id}', { schema: never }) as TopicPattern, 'a/b', '1'],
] as const

for (const [name, pattern, topicName, payload] of faults) {
  test(`a message that does not fit for ${name} is an error in place of a value`, async () => {
    const { error } = await readMessage(pattern, topicName, utf8(payload))
    assert.ok(error instanceof PayloadError)
  })
}

test('a fault of the schema itself is not passed off as one of the message', () => {
  const read = () => readMessage(topic('a', { schema: broken }), 'a', utf8('1'))
  assert.throws(read, TypeError)
})
