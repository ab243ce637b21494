import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from './log.ts'
import { StoreFailedError, StoreFullError } from './store/errors.ts'
import type { Change } from './store/store.ts'
import { StoreHealth } from './store-health.ts'

const full = new StoreFullError('no room')
const broken = new StoreFailedError('no disk')
const step: Change = { kind: 'done', clientIdentifier: 'c', position: 1 }
const addition: Change = { kind: 'received', clientIdentifier: 'c', packetIdentifier: 1 }

const rows: readonly [
  name: string,
  outcomes: readonly (readonly [now: number, change: Change, error: Error | undefined])[],
  said: readonly string[],
][] = [
  ['nothing while it takes everything', [[0, addition, undefined]], []],
  [
    'one line while it refuses some and takes some',
    Array.from({ length: 100 }, (_, at) => [at * 100, addition, at % 3 === 0 ? full : undefined]),
    ['error'],
  ],
  [
    'nothing of room for what ends something',
    [
      [0, addition, full],
      [60_000, step, undefined],
    ],
    ['error'],
  ],
  [
    'one line when there is room again',
    [
      [0, addition, full],
      [60_000, addition, undefined],
      [60_001, addition, undefined],
    ],
    ['error', 'info'],
  ],
  [
    'that it has failed, once, also after it was full',
    [
      [0, addition, full],
      [1, addition, broken],
      [2, addition, broken],
    ],
    ['error', 'error', 'failed'],
  ],
]
for (const [name, outcomes, expected] of rows) {
  test(`says ${name}`, () => {
    const said: string[] = []
    const log = { ...silentLog, error: () => said.push('error'), info: () => said.push('info') }
    const health = new StoreHealth(log, () => said.push('failed'))
    for (const [now, change, error] of outcomes) health.decided([change], error, now)
    assert.deepEqual(said, expected)
  })
}
