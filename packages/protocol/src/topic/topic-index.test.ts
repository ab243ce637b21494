import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTopicFilter } from './topic-filter.ts'
import { TopicIndex } from './topic-index.ts'

const names = ['b', 'a/1', '$SYS/x', 'a', 'a/2/x', '/', 'a/1/x']

/** A name's value is its place in `names`. */
function indexOfNames(): TopicIndex {
  const index = new TopicIndex(7)
  for (const [at, name] of names.entries()) index.set(name, at)
  return index
}

function found(index: TopicIndex, filter: string): (string | undefined)[] {
  const values: number[] = []
  index.match(parseTopicFilter(filter), (value) => values.push(value))
  return values.map((value) => names[value])
}

test('keeps one value for each name and forgets it when it is deleted', () => {
  const index = indexOfNames()
  assert.equal(index.set('a', 100), names.indexOf('a'))
  assert.equal(index.size, names.length)
  assert.equal(index.get('a'), 100)
  assert.equal(index.get('a/2'), undefined)
  assert.equal(index.delete('a/2'), undefined)
  assert.equal(index.delete('a'), 100)
  assert.equal(index.delete('a'), undefined)
  assert.equal(index.get('a'), undefined)
  assert.equal(index.get('a/1'), names.indexOf('a/1'))
  assert.equal(index.size, names.length - 1)
})

test('goes over all values', () => {
  const values: number[] = []
  indexOfNames().each((value) => values.push(value))
  assert.deepEqual(values.sort(), [...names.keys()])
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

for (const [filter, expected] of orders) {
  test(`${filter} finds its names, a level in the order in which it came first`, () => {
    assert.deepEqual(found(indexOfNames(), filter), expected)
  })
}

test('entries can be deleted while they are found', () => {
  const index = indexOfNames()
  index.match(parseTopicFilter('#'), (value) => {
    assert.equal(index.delete(names[value] as string), value)
  })
  assert.equal(index.size, 1)
  index.each((value) => index.delete(names[value] as string))
  assert.equal(index.size, 0)
})

test('what was deleted before its turn is not found, nor what came since in its place', () => {
  const index = indexOfNames()
  const seen: (string | undefined)[] = []
  index.match(parseTopicFilter('a/#'), (value) => {
    seen.push(names[value])
    index.delete('a/1')
    index.delete('a/2/x')
    index.set('c/2/x', 50)
  })
  assert.deepEqual(seen, ['a', 'a/1/x'])
})

test('memory is used again, whatever the length of the levels', () => {
  const index = new TopicIndex()
  for (let round = 0; round < 200; round++) {
    const all = Array.from(
      { length: 50 },
      (_, at) => `${round}/${'x'.repeat(round)}${at}/é\u{1f600}`,
    )
    for (const [at, name] of all.entries()) assert.equal(index.set(name, at), undefined)
    for (const [at, name] of all.entries()) assert.equal(index.get(name), at)
    if (round % 3 === 0) continue
    for (const [at, name] of all.entries()) assert.equal(index.delete(name), at)
  }
  assert.equal(index.size, 67 * 50)
})
