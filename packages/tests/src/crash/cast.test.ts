import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Random } from '../simulation/random.ts'
import { drawCast } from './cast.ts'

test('clients of 3.1.1 alone, with every kind of subscription', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const roles = drawCast(new Random(seed), 'b', '3.1.1')
    assert.deepEqual([...new Set(roles.map(({ version }) => version))], [4])
    const filters = roles.flatMap(({ subscriptions }) => subscriptions.map(({ filter }) => filter))
    for (const part of ['$share/team/', '$share/crew/', 'b/line/', 'b/state/', 'b/#'])
      assert.ok(
        filters.some((filter) => filter.startsWith(part)),
        part,
      )
    const qos = new Set(roles.flatMap(({ publishing }) => publishing?.qos ?? []))
    assert.deepEqual([...qos].sort(), [0, 1, 2])
  }
})

test('both versions take part where nothing else is said', () => {
  const roles = drawCast(new Random(1), 'b', 'both')
  assert.deepEqual([...new Set(roles.map(({ version }) => version))].sort(), [4, 5])
})
