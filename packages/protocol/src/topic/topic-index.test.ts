import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTopicFilter } from './topic-filter.ts'
import { TopicIndex } from './topic-index.ts'

const names = ['b', 'a/1', '$SYS/x', 'a', 'a/2/x', '/', 'a/1/x']

function indexOfNames(): TopicIndex<string> {
  const index = new TopicIndex<string>()
  for (const name of names) index.set(name, name)
  return index
}

test('keeps one value for each name and forgets it when it is deleted', () => {
  const index = indexOfNames()
  index.set('a', 'again')
  assert.equal(index.size, names.length)
  assert.equal(index.get('a'), 'again')
  assert.equal(index.get('a/2'), undefined)
  assert.equal(index.delete('a/2'), false)
  assert.equal(index.delete('a'), true)
  assert.equal(index.delete('a'), false)
  assert.equal(index.get('a'), undefined)
  assert.equal(index.get('a/1'), 'a/1')
})

test('goes over all values in the order in which they came', () => {
  assert.deepEqual([...indexOfNames()], names)
})

const orders = [
  ['a/1', ['a/1']],
  ['a/3', []],
  ['#', ['b', 'a', 'a/1', 'a/1/x', 'a/2/x', '/']],
  ['a/#', ['a', 'a/1', 'a/1/x', 'a/2/x']],
  ['a/+', ['a/1']],
  ['a/+/x', ['a/1/x', 'a/2/x']],
  ['+', ['b', 'a']],
  ['+/+', ['a/1', '/']],
  ['$SYS/#', ['$SYS/x']],
] as const

for (const [filter, found] of orders) {
  test(`${filter} finds its names, a level in the order in which it came first`, () => {
    assert.deepEqual([...indexOfNames().matching(parseTopicFilter(filter))], found)
  })
}

test('entries can be deleted while they are found', () => {
  const index = indexOfNames()
  for (const name of index.matching(parseTopicFilter('#'))) assert.equal(index.delete(name), true)
  assert.deepEqual([...index], ['$SYS/x'])
  for (const name of index) index.delete(name)
  assert.equal(index.size, 0)
})

test('what was deleted before its turn is not found', () => {
  const index = indexOfNames()
  const found: string[] = []
  for (const name of index.matching(parseTopicFilter('a/#'))) {
    found.push(name)
    index.delete('a/1')
    index.delete('a/2/x')
  }
  assert.deepEqual(found, ['a', 'a/1/x'])
})
