import assert from 'node:assert/strict'
import { test } from 'node:test'
import { code, GroupWriter, numbersOf } from './group.ts'
import { Times } from './message-codec.ts'
import { Operations } from './operations.ts'
import type { Change } from './store.ts'
import {
  contractClock,
  done,
  end,
  message,
  noise,
  queued,
  released,
  sent,
  session,
} from './store-samples.contract.ts'

/** Sessions 1 and 2. */
const known = [
  [1, 'a'],
  [2, 'b'],
] as const
const shared = message()
const large = message({ payload: noise(2000) })

const rows: [name: string, batches: Change[][], expected: string[]][] = [
  ['nothing', [[], []], []],
  ['an entry', [[queued('a', 1)]], ['queued 1 1 queued 0']],
  ['an entry that is done in a later batch', [[queued('a', 1)], [done('a', 1)]], []],
  [
    'all steps of an entry',
    [[queued('a', 1)], [sent('a', 1, 5)], [released('a', 1)], [done('a', 1)]],
    [],
  ],
  [
    'an entry with its last state',
    [[queued('a', 1)], [sent('a', 1, 5)], [released('a', 1)]],
    ['queued 1 1 released 5'],
  ],
  ['a release of what was not sent', [[queued('a', 1), released('a', 1)]], ['queued 1 1 queued 0']],
  ['steps of an earlier entry', [[sent('a', 1, 5)], [released('a', 1)]], ['sent', 'released']],
  [
    'an earlier entry that is done, and not its steps',
    [[sent('a', 1, 5), sent('a', 2, 6)], [released('a', 1)], [done('a', 1)]],
    ['sent', 'done'],
  ],
  ['steps of one Session, done of another', [[sent('a', 1, 5)], [done('b', 1)]], ['sent', 'done']],
  [
    'done before it is queued anew',
    [[done('a', 1), queued('b', 1)]],
    ['done', 'queued 2 1 queued 0'],
  ],
  ['done of another Session', [[queued('a', 1), done('b', 1)]], ['queued 1 1 queued 0', 'done']],
  [
    'what is left of several',
    [[queued('a', 1), queued('a', 2)], [done('a', 1)]],
    ['queued 1 2 queued 0'],
  ],
  [
    'a message for two Sessions, once',
    [[queued('a', 1, { message: shared }), queued('b', 2, { message: shared })]],
    ['message', 'queued 1 1 queued 0 apart', 'queued 2 2 queued 0 apart'],
  ],
  [
    'a message for two Sessions of which one is done',
    [[queued('a', 1, { message: shared }), queued('b', 2, { message: shared })], [done('a', 1)]],
    ['queued 2 2 queued 0'],
  ],
  [
    'a large message, apart',
    [[queued('a', 1, { message: large })]],
    ['message', 'queued 1 1 queued 0 apart'],
  ],
  [
    'two equal messages, each with its entry',
    [[queued('a', 1), queued('a', 2)]],
    ['queued 1 1 queued 0', 'queued 1 2 queued 0'],
  ],
  ['the end of an unknown Session', [[end('z')]], []],
  ['a step after the end', [[end('a'), done('a', 1)]], ['sessionEnd']],
  [
    'a step for a successor',
    [[end('a'), session('a'), done('a', 1)]],
    ['sessionEnd', 'session', 'done'],
  ],
]
for (const [name, batches, expected] of rows) {
  test(`a group has ${name}`, () => {
    const operations = new Operations(known, { lastSession: 2, lastPosition: 0 })
    const writer = new GroupWriter(new Times(1, contractClock), 0)
    const taken = batches.map((changes) => operations.take(changes))
    assert.deepEqual(read(writer.write(taken).numbers), expected)
    // What is left out of a group is there when its batch goes by itself.
    for (const batch of taken) {
      const alone = read(writer.write([batch]).numbers)
      assert.ok(batches.length > 1 || alone.length === expected.length)
    }
  })
}

test('a batch that is tried again by itself is whole', () => {
  const operations = new Operations(known, { lastSession: 2, lastPosition: 0 })
  const writer = new GroupWriter(new Times(1, contractClock), 0)
  const first = operations.take([queued('a', 1)])
  const second = operations.take([sent('a', 1, 5), done('a', 1)])
  assert.deepEqual(read(writer.write([first, second]).numbers), [])
  assert.deepEqual(read(writer.write([first]).numbers), ['queued 1 1 queued 0'])
  assert.deepEqual(read(writer.write([second]).numbers), ['done'])
})

function read(numbers: Float64Array): string[] {
  const names = Object.keys(code)
  const states = ['queued', 'sent', 'released']
  const operations: string[] = []
  for (let at = 0; at < numbers.length; ) {
    const of = numbers[at] ?? 0
    const [session, position, state, packetIdentifier] = numbers.slice(at + 1)
    const isApart = numbers[at + 7] !== 0
    const entry = `queued ${session} ${position} ${states[state ?? 0]} ${packetIdentifier}`
    if (of === code.queued) operations.push(isApart ? `${entry} apart` : entry)
    else operations.push(names[of] ?? '')
    at += 1 + (numbersOf[of as 0] ?? 0)
  }
  return operations
}
