import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByText } from './by-text.ts'

test('finds values by their texts', () => {
  const values = new ByText<{ of: string }>()
  const a = { of: 'a' }
  const b = { of: 'b' }
  values.set('a', a)
  values.set('b', b)
  assert.equal(values.get('a'), a)
  assert.equal(values.get('b'), b)
  assert.equal(values.get('c'), undefined)
  assert.equal(values.size, 2)
})

test('a value that is set again replaces the one before', () => {
  const values = new ByText<{ of: number }>()
  values.set('a', { of: 1 })
  values.set('a', { of: 2 })
  assert.equal(values.get('a')?.of, 2)
  assert.deepEqual([...values], [{ of: 2 }])
})

test('a place is used again', () => {
  const values = new ByText<{ of: string }>()
  for (const text of ['a', 'b', 'c']) values.set(text, { of: text })
  assert.equal(values.delete('b'), true)
  assert.equal(values.delete('b'), false)
  assert.equal(values.get('b'), undefined)
  values.set('d', { of: 'd' })
  assert.deepEqual(
    [...values].map(({ of }) => of),
    ['a', 'd', 'c'],
  )
  assert.equal(values.size, 3)
})

test('knows when most of its places are empty', () => {
  const values = new ByText<{ of: number }>()
  for (let i = 0; i < 100; i++) values.set(`${i}`, { of: i })
  for (let i = 0; i < 90; i++) values.delete(`${i}`)
  assert.equal(values.isSparse, false) // 90 of 100
  for (let i = 90; i < 99; i++) values.delete(`${i}`)
  assert.equal(values.isSparse, true)
  for (let i = 0; i < 60; i++) values.set(`${i}`, { of: i })
  assert.equal(values.isSparse, false)
})

test('shows all that is there', () => {
  const values = new ByText<{ of: string }>()
  for (const text of ['a', 'b', 'c']) values.set(text, { of: text })
  values.delete('a')
  const seen: string[] = []
  values.each(({ of }) => seen.push(of))
  assert.deepEqual(seen, ['b', 'c'])
})

test('shows what is there while others come and go', () => {
  const values = new ByText<{ of: string }>()
  for (const text of ['a', 'b', 'c', 'd']) values.set(text, { of: text })
  const seen: string[] = []
  for (const { of } of values) {
    seen.push(of)
    values.delete('b')
    values.delete(of)
    if (of === 'c') values.set('e', { of: 'e' })
  }
  assert.deepEqual(seen.slice(0, 3), ['a', 'c', 'd'])
  assert.equal(values.get('b'), undefined)
})
