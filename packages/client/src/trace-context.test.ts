import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { publish, ScriptedPeer } from './testing/scripted-peer.ts'
import { type TraceContext, traceContextOf } from './trace-context.ts'

const trace = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${trace}-b7ad6b7169203331-01`

const asked: readonly [
  name: string,
  context: Partial<TraceContext> | undefined,
  given: [string, string][],
  sent: [string, string][],
][] = [
  ['nothing', undefined, [], []],
  ['nothing, as of a tracer that is off', {}, [['a', 'b']], [['a', 'b']]],
  ['a parent', { traceparent }, [], [['traceparent', traceparent]]],
  [
    'a parent and a state, behind what the caller has given',
    { traceparent, tracestate: 'k=v' },
    [['a', 'b']],
    [
      ['a', 'b'],
      ['traceparent', traceparent],
      ['tracestate', 'k=v'],
    ],
  ],
  [
    "nothing, where the caller's own is there",
    { traceparent, tracestate: 'k=v' },
    [['traceparent', 'own']],
    [['traceparent', 'own']],
  ],
]
for (const [name, context, given, sent] of asked) {
  test(`the trace of a message: ${name}`, async () => {
    const peer = new ScriptedPeer().serve()
    const client = await connect(peer.target, { traceContext: () => context })
    await client.publish(
      't',
      '',
      given.length === 0 ? {} : { properties: { userProperties: given } },
    )
    await client.enqueue('t', '', { qos: 1, properties: { userProperties: given } })
    for (const { properties } of await peer.last.take('publish')) {
      assert.deepEqual(properties.userProperties ?? [], sent)
    }
    await client.close()
  })
}

test('the trace is asked for each message, and requests and answers have theirs', async () => {
  const peer = new ScriptedPeer().serve()
  let count = 0
  const client = await connect(peer.target, {
    traceContext: () => ({ traceparent: `00-${trace}-${String(++count).padStart(16, '0')}-01` }),
  })
  await using _ = await client.respond('ask', () => 'answer')
  const abort = new AbortController()
  const asking = client.request('ask', '', { signal: abort.signal })
  asking.catch(() => {})
  const [question] = await peer.last.take('publish')
  assert.ok(question !== undefined)
  const { responseTopic = '', correlationData = new Uint8Array() } = question.properties
  const properties = { responseTopic, correlationData }
  peer.last.send(publish(1, 1, { topicName: 'ask', properties }))
  const [answer] = await peer.last.take('publish')
  assert.ok(answer !== undefined)
  const parents = [question, answer].map((each) => traceContextOf(each)?.traceparent)
  assert.deepEqual(parents, [`00-${trace}-0000000000000001-01`, `00-${trace}-0000000000000002-01`])
  abort.abort()
  await client.close()
})

const read: readonly [
  name: string,
  pairs: [string, string][],
  context: TraceContext | undefined,
][] = [
  ['none', [['a', 'b']], undefined],
  ['a parent', [['traceparent', traceparent]], { traceparent }],
  [
    'states, which are one list',
    [
      ['tracestate', 'a=1'],
      ['traceparent', traceparent],
      ['tracestate', 'b=2,c=3'],
    ],
    { traceparent, tracestate: 'a=1,b=2,c=3' },
  ],
  ['a state alone', [['tracestate', 'a=1']], undefined],
  [
    'two parents',
    [
      ['traceparent', traceparent],
      ['traceparent', traceparent],
    ],
    undefined,
  ],
  ...[
    '',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${trace}-${'0'.repeat(16)}-01`,
    `ff-${trace}-b7ad6b7169203331-01`,
    `00-${trace.toUpperCase()}-b7ad6b7169203331-01`,
    `${traceparent}-more`,
    `${traceparent}\n`,
    ` ${traceparent}`,
  ].map((text): [string, [string, string][], undefined] => [
    `of another form: ${JSON.stringify(text)}`,
    [['traceparent', text]],
    undefined,
  ]),
  [
    'of a later version',
    [['traceparent', `01-${trace}-b7ad6b7169203331-01-more`]],
    { traceparent: `01-${trace}-b7ad6b7169203331-01-more` },
  ],
]
for (const [name, userProperties, context] of read) {
  test(`the trace that a message has: ${name}`, () => {
    assert.deepEqual(traceContextOf({ properties: { userProperties } }), context)
    assert.equal(traceContextOf({ properties: {} }), undefined)
  })
}
