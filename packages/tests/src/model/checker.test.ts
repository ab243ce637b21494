import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './checker.ts'
import { readLogs, writeLogLine } from './log.ts'
import {
  acked,
  at,
  connect,
  connected,
  logsOf,
  lost,
  publisher,
  received,
  sent,
  subscribe,
  subscriber,
} from './scene.ts'

test('counts what happened', () => {
  const scene = {
    s: [
      ...subscriber('t', 1),
      ...at(12, ...['p:2', 'p:1', 'p:1'].map((name) => received(name, 't', { qos: 1 }))),
    ],
    p: [
      ...publisher,
      ...at(
        10,
        ...['p:1', 'p:2', 'p:3', 'p:4'].map((name) => sent(name, 't', { qos: 1 })),
        acked('p:1'),
        acked('p:3'),
        acked('p:4', 0x97),
      ),
    ],
  }
  const { counts } = check(logsOf(scene))
  const expected = { sent: 4, acked: 2, received: 3, lost: 1, duplicated: 1, disordered: 1 }
  assert.deepEqual(counts, expected)
})

test('what a lost Session was promised is lost with it', () => {
  const scene = {
    s: [...subscriber(), ...at(100, lost(90), connect(), connected(false), ...subscribe('t'))],
    p: [...publisher, ...at(95, sent('p:1'), acked('p:1')), ...at(200, sent('p:2'), acked('p:2'))],
  }
  const { violations, counts } = check(logsOf(scene))
  assert.deepEqual(violations.map(({ rule }) => rule).toSorted(), ['I1', 'I1', 'I6'])
  assert.equal(counts.lost, 2)
})

test('logs survive a file, and a line that is cut off', () => {
  const logs = logsOf({ s: subscriber(), p: publisher })
  const lines = logs.flatMap(({ clientIdentifier, events }) =>
    events.map((event) => writeLogLine(clientIdentifier, event)),
  )
  assert.deepEqual(readLogs(`${lines.join('')}{"client":"s","ev`), logs)
})
