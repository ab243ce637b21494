import assert from 'node:assert/strict'
import { test } from 'node:test'
import { noProperties } from '@busbar/protocol'
import { createMessage, type Message } from './message.ts'
import { PackedMessages } from './packed-messages.ts'

const filled = (length: number, byte: number) => new Uint8Array(length).fill(byte)

function messageOf(changed: Partial<Message>): Message {
  const fields = { topicName: 't', payload: filled(3, 1), qos: 1, retain: false } as const
  const rest = { properties: noProperties, publisher: 'p' }
  return { ...createMessage({ ...fields, ...rest }, 5), ...changed }
}

/** Payloads are views of different kinds of arrays. */
function plain(message: Message): Message {
  return { ...message, payload: Uint8Array.from(message.payload) }
}

const rows: [name: string, message: Partial<Message>][] = [
  ['a plain one', {}],
  ['an empty payload', { payload: filled(0, 0) }],
  ['every flag', { qos: 2, retain: true }],
  ['texts that are not ASCII', { topicName: 'é/\u{1f600}/\ufeff', publisher: 'ü' }],
  ['no publisher', { publisher: '' }],
  ['a user', { publisherUser: 'u' }],
  ['properties that are none', { properties: {} }],
  [
    'properties',
    {
      properties: { contentType: 't', correlationData: filled(9, 7), userProperties: [['a', 'b']] },
      publisherUser: '',
    },
  ],
  ['an expiry', { expiresAt: 12_345.5, properties: { messageExpiryInterval: 12 } }],
  ['a payload that needs a segment of its own', { payload: filled(300_000, 9) }],
  ['long texts', { topicName: 'x/'.repeat(32_767), publisher: 'y'.repeat(65_535) }],
]
for (const [name, changed] of rows) {
  test(`gives back a message with ${name}`, () => {
    const packed = new PackedMessages()
    const message = messageOf(changed)
    packed.keep(messageOf({ topicName: 'before', publisher: 'x' }))
    const number = packed.keep(message)
    packed.keep(messageOf({ topicName: 'behind', publisher: 'x' }))
    assert.deepEqual(plain(packed.read(number)), message)
    assert.equal(packed.expiresAt(number), message.expiresAt)
  })
}

test('a message stays until its last holder has let go', () => {
  const packed = new PackedMessages()
  const number = packed.keep(messageOf({ topicName: 'a' }))
  packed.hold(number)
  packed.release(number)
  assert.equal(packed.read(number).topicName, 'a')
  packed.release(number)
  assert.equal(packed.keep(messageOf({ topicName: 'b' })), number)
  assert.equal(packed.read(number).topicName, 'b')
})

test('a message that many keep one behind the other is there once', () => {
  const packed = new PackedMessages()
  const message = messageOf({})
  const number = packed.keep(message)
  assert.equal(packed.keep(message), number)
  packed.release(number)
  const read = packed.read(number)
  assert.equal(packed.keep(read), number)
  packed.release(number)
  packed.release(number)
  const other = packed.keep(messageOf({ topicName: 'b' }))
  assert.equal(other, number, 'nobody held it any more')
  assert.notEqual(packed.keep(read), other)
})

test('a payload that was read stays what it is', () => {
  const packed = new PackedMessages()
  const number = packed.keep(messageOf({ payload: filled(1_000, 1) }))
  const { payload } = packed.read(number)
  packed.release(number)
  for (let i = 0; i < 1_000; i++)
    packed.release(packed.keep(messageOf({ payload: filled(900, 2) })))
  assert.deepEqual(Uint8Array.from(payload), filled(1_000, 1))
})

test('memory follows what is held, also where little stays of much', () => {
  const packed = new PackedMessages()
  const held = new Map<number, Message>()
  for (let i = 0; i < 100_000; i++) {
    const payload = filled((i * 37) % 400, i % 251)
    const message = messageOf({ topicName: `t/${i % 7}`, payload, publisher: `p${i % 5}` })
    const number = packed.keep(message)
    // One in a hundred stays: each would hold a segment.
    if (i % 100 === 0) held.set(number, message)
    else packed.release(number)
  }
  assert.ok(packed.bytes < 3_000_000, `${packed.bytes} bytes for 300 KB`)
  for (const [number, message] of held) assert.deepEqual(plain(packed.read(number)), message)
  for (const number of held.keys()) packed.release(number)
  assert.ok(packed.bytes <= 65_536, `${packed.bytes} bytes for nothing`)
})

test('a queue whose head moves on takes no more memory than what is in it', () => {
  const packed = new PackedMessages()
  const queue: number[] = []
  for (let i = 0; i < 50_000; i++) {
    queue.push(packed.keep(messageOf({ payload: filled(100, 1) })))
    if (queue.length > 100) packed.release(queue.shift() as number)
    assert.ok(packed.bytes <= 3 * 65_536)
  }
})
