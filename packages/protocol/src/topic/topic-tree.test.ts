import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseTopicFilter } from './topic-filter.ts'
import { TopicIndex } from './topic-index.ts'
import { TopicTree } from './topic-tree.ts'

const texts = ['a', 'a/b', '+', '#', 'a/+', 'a/#', 'a/+/#', '+/b', '/', '/+', '$SYS/#']
const filters = texts.map((text) => parseTopicFilter(text))

test('keeps one value for each filter and forgets it when it is deleted', () => {
  const tree = new TopicTree<number>()
  for (const [at, filter] of filters.entries()) {
    assert.equal(tree.get(filter), undefined)
    assert.equal(tree.delete(filter), false)
    tree.set(filter, -1)
    tree.set(filter, at)
    assert.equal(tree.size, at + 1)
  }
  for (const [at, filter] of filters.entries()) assert.equal(tree.get(filter), at)
  for (const filter of filters) {
    assert.equal(tree.delete(filter), true)
    assert.equal(tree.get(filter), undefined)
    assert.equal(tree.delete(filter), false)
  }
  assert.equal(tree.size, 0)
})

test('a filter that begins or ends inside another is not in the tree', () => {
  const tree = new TopicTree<number>()
  tree.set(parseTopicFilter('a/+/c/#'), 1)
  for (const text of ['#', 'a/#', 'a/+', 'a/+/#', 'a/+/c/+', '+/+/c/#', 'a/+/c/d/#']) {
    assert.equal(tree.get(parseTopicFilter(text)), undefined, text)
    assert.equal(tree.delete(parseTopicFilter(text)), false, text)
  }
  assert.equal(tree.size, 1)
})

test('visits each matching filter once', () => {
  const tree = new TopicTree<string>()
  for (const filter of filters) tree.set(filter, filter)
  const found: string[] = []
  tree.match('a/b', (value) => found.push(value))
  assert.deepEqual(found.sort(), ['#', '+/b', 'a/#', 'a/+', 'a/+/#', 'a/b'])
})

test('filters may come and go while they are visited', () => {
  const tree = new TopicTree<string>()
  for (const filter of filters) tree.set(filter, filter)
  tree.match('a/b', (value) => {
    tree.delete(parseTopicFilter(value))
    tree.set(parseTopicFilter(`${value === '#' ? '' : 'x/'}${value}`), 'new')
    tree.match('a/b', () => undefined)
  })
  assert.equal(tree.size, filters.length)
})

test('as many levels as a Topic Filter can have are matched', () => {
  const tree = new TopicTree<string>()
  const deep = `${'+/'.repeat(32_000)}#`
  tree.set(parseTopicFilter(deep), 'deep')
  const found: string[] = []
  tree.match('/'.repeat(32_000), (value) => found.push(value))
  tree.match('/'.repeat(31_999), (value) => found.push(value))
  tree.match('/'.repeat(31_998), (value) => found.push(value))
  assert.deepEqual(found, ['deep', 'deep'])
  assert.equal(tree.delete(parseTopicFilter(deep)), true)
})

test('filters of all combinations of a level and + are visited once each', () => {
  const tree = new TopicTree<string>()
  // Each of the 10 levels is 'a' or '+': 1,023 inner branches that all match a/a/a/….
  for (let bits = 0; bits < 1_024; bits++) {
    const levels = Array.from({ length: 10 }, (_, at) => ((bits >> at) & 1 ? 'a' : '+'))
    tree.set(parseTopicFilter(levels.join('/')), 'value')
  }
  let visits = 0
  tree.match('a/a/a/a/a/a/a/a/a/a', () => visits++)
  assert.equal(visits, 1_024)
})

const structures = [
  ['TopicTree', 'a/+', 'b/#', false, () => new TopicTree<number>()],
  ['TopicIndex', 'a/1', 'b', undefined, () => new TopicIndex()],
] as const

for (const [name, first, second, nothing, create] of structures) {
  test(`what is deleted from a ${name} leaves no memory behind`, () => {
    const structure = create()
    const before = heapUsed()
    for (const change of ['set', 'delete']) {
      for (let at = 0; at < 20_000; at++) {
        for (const ending of [first, second]) {
          const text = parseTopicFilter(`${at}/${ending}`)
          if (change === 'set') structure.set(text, 1)
          else structure.delete(text)
        }
      }
    }
    assert.equal(structure.size, 0)
    assert.ok(heapUsed() - before < 1_000_000)
    assert.equal(structure.delete(parseTopicFilter('kept/alive/until/here')), nothing)
  })
}

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}
