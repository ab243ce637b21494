import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ClientLosses, type LossCause, Losses, lossCauses } from './losses.ts'

function shown({ clientIdentifier, byCause }: ClientLosses): unknown {
  return [clientIdentifier, Object.fromEntries(byCause)]
}

test('losses are counted by client and cause', () => {
  const losses = new Losses()
  losses.record('a', 'queue-full', 10)
  losses.record('b', 'expired', 5)
  losses.record('a', 'queue-full', 30)
  losses.record('a', 'not-authorized', 1)
  assert.deepEqual([...losses.byClient()].map(shown), [
    [
      'a',
      {
        'queue-full': { messages: 2, bytes: 40 },
        'not-authorized': { messages: 1, bytes: 1 },
      },
    ],
    ['b', { expired: { messages: 1, bytes: 5 } }],
  ])
  assert.deepEqual(losses.ofClient('b')?.byCause.get('expired'), { messages: 1, bytes: 5 })
  assert.equal(losses.ofClient('c'), undefined)
  assert.deepEqual(losses.total(), { messages: 4, bytes: 46 })
  assert.deepEqual(losses.total('queue-full'), { messages: 2, bytes: 40 })
  assert.deepEqual(losses.total('expired'), { messages: 1, bytes: 5 })
  assert.deepEqual(losses.total('slow-reader'), { messages: 0, bytes: 0 })
})

test('many messages may be recorded at once', () => {
  const losses = new Losses()
  losses.record('a', 'session-ended', 500, 7)
  losses.record('a', 'session-ended', 1)
  assert.deepEqual(losses.total('session-ended'), { messages: 8, bytes: 501 })
})

test('a total is a snapshot, not the running count', () => {
  const losses = new Losses()
  losses.record('a', 'expired', 1)
  const before = losses.total('expired')
  losses.record('a', 'expired', 1)
  assert.deepEqual(before, { messages: 1, bytes: 1 })
})

test('a Client Identifier may be the name of a property', () => {
  const losses = new Losses()
  for (const clientIdentifier of ['__proto__', 'constructor', '']) {
    assert.equal(losses.ofClient(clientIdentifier), undefined)
    losses.record(clientIdentifier, 'expired', 1)
    assert.equal(losses.ofClient(clientIdentifier)?.byCause.get('expired')?.messages, 1)
  }
})

test('the clients least recently touched are folded, and the totals stay', () => {
  const losses = new Losses({ clients: 20 })
  for (let client = 0; client < 20; client++) losses.record(`c${client}`, 'expired', 1)
  losses.record('c0', 'queue-full', 1) // no longer the oldest
  losses.record('c20', 'expired', 1)
  const clients = [...losses.byClient()]
  assert.deepEqual(
    clients.slice(0, 2).map((client) => client.clientIdentifier),
    ['c0', 'c3'], // a tenth went: c1 and c2
  )
  assert.deepEqual(shown(clients.at(-1) ?? assert.fail()), [
    undefined,
    { expired: { messages: 2, bytes: 2 } },
  ])
  assert.equal(losses.ofClient('c1'), undefined)
  assert.notEqual(losses.ofClient('c20'), undefined)
  assert.deepEqual(losses.total(), { messages: 22, bytes: 22 })
})

const floods = [
  ['many Client Identifiers', 50_000, 0],
  ['very long Client Identifiers', 200, 65_000],
] as const
for (const [name, count, length] of floods) {
  test(`a flood of ${name} leaves the ledger bounded and the totals exact`, () => {
    const losses = new Losses()
    for (let client = 0; client < count; client++) {
      losses.record(String(client).padStart(length, '0'), 'not-authorized', 3)
    }
    let clients = 0
    let characters = 0
    let messages = 0
    for (const client of losses.byClient()) {
      if (client.clientIdentifier !== undefined) clients++
      characters += client.clientIdentifier?.length ?? 0
      messages += client.byCause.get('not-authorized')?.messages ?? 0
    }
    assert.ok(clients > 50 && clients <= 10_000, `${clients} clients`)
    assert.ok(characters <= 2 ** 22, `${characters} characters`)
    assert.equal(messages, count)
    assert.deepEqual(losses.total(), { messages: count, bytes: 3 * count })
  })
}

test('every cause is documented in one sentence', () => {
  for (const cause of Object.keys(lossCauses) as LossCause[]) {
    assert.match(cause, /^[a-z0-9-]+$/) // it is a level of a Topic Name
    assert.match(lossCauses[cause], /^[A-Z].*[a-z]\.$/)
  }
})
