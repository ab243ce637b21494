import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { parseTopicFilter } from './topic-filter.ts'
import { TopicIndex } from './topic-index.ts'
import { type Filtered, TopicTree } from './topic-tree.ts'

const texts = ['a', 'a/b', '+', '#', 'a/+', 'a/#', 'a/+/#', '+/b', '/', '/+', '$SYS/#']
const filters = texts.map((text) => parseTopicFilter(text))

interface Value extends Filtered {
  readonly of: string
}

function value(text: string, of = text): Value {
  return { topicFilter: parseTopicFilter(text), of }
}

test('keeps one value for each filter and forgets it when it is deleted', () => {
  const tree = new TopicTree<Value>()
  for (const [at, filter] of filters.entries()) {
    assert.equal(tree.get(filter), undefined)
    assert.equal(tree.delete(filter), false)
    tree.set(value(filter, 'first'))
    assert.equal(tree.getOrSet(value(filter, 'other')).of, 'first')
    tree.set(value(filter))
    assert.equal(tree.size, at + 1)
  }
  for (const filter of filters) assert.equal(tree.get(filter)?.of, filter)
  for (const filter of filters) {
    assert.equal(tree.delete(filter), true)
    assert.equal(tree.get(filter), undefined)
    assert.equal(tree.delete(filter), false)
  }
  assert.equal(tree.size, 0)
})

test('a filter that begins or ends inside another is not in the tree', () => {
  const tree = new TopicTree<Value>()
  tree.set(value('a/+/c/#'))
  for (const text of ['#', 'a/#', 'a/+', 'a/+/#', 'a/+/c/+', '+/+/c/#', 'a/+/c/d/#']) {
    assert.equal(tree.get(parseTopicFilter(text)), undefined, text)
    assert.equal(tree.delete(parseTopicFilter(text)), false, text)
  }
  assert.equal(tree.size, 1)
})

test('visits each matching filter once', () => {
  const tree = new TopicTree<Value>()
  for (const filter of filters) tree.set(value(filter))
  const found: string[] = []
  tree.match('a/b', ({ of }) => found.push(of))
  assert.deepEqual(found.sort(), ['#', '+/b', 'a/#', 'a/+', 'a/+/#', 'a/b'])
})

test('filters may come and go while they are visited', () => {
  const tree = new TopicTree<Value>()
  for (const filter of filters) tree.set(value(filter))
  tree.match('a/b', ({ topicFilter }) => {
    tree.delete(topicFilter)
    tree.set(value(`${topicFilter === '#' ? '' : 'x/'}${topicFilter}`))
    tree.match('a/b', () => undefined)
  })
  assert.equal(tree.size, filters.length)
})

test('as many levels as a Topic Filter can have are matched', () => {
  const tree = new TopicTree<Value>()
  const deep = value(`${'+/'.repeat(32_000)}#`, 'deep')
  tree.set(deep)
  const found: string[] = []
  for (const levels of [32_000, 31_999, 31_998]) {
    tree.match('/'.repeat(levels), ({ of }) => found.push(of))
  }
  assert.deepEqual(found, ['deep', 'deep'])
  assert.equal(tree.delete(deep.topicFilter), true)
})

test('filters that share all but the last of very many levels are told apart', () => {
  const tree = new TopicTree<Value>()
  const shared = '+/'.repeat(30_000)
  for (let at = 0; at < 20; at++) tree.set(value(`${shared}${at}/#`))
  const found: string[] = []
  tree.match(`${'/'.repeat(30_000)}7`, ({ of }) => found.push(of))
  assert.deepEqual(found, [`${shared}7/#`])
})

test('filters of all combinations of a level and + are visited once each', () => {
  const tree = new TopicTree<Value>()
  // Each of the 10 levels is 'a' or '+': 1,023 inner branches that all match a/a/a/….
  for (let bits = 0; bits < 1_024; bits++) {
    const levels = Array.from({ length: 10 }, (_, at) => ((bits >> at) & 1 ? 'a' : '+'))
    tree.set(value(levels.join('/')))
  }
  let visits = 0
  tree.match('a/a/a/a/a/a/a/a/a/a', () => visits++)
  assert.equal(visits, 1_024)
})

interface Structure {
  readonly size: number
  set(at: number): void
  delete(at: number): void
}

const structures: Readonly<Record<string, () => Structure>> = {
  TopicTree() {
    const tree = new TopicTree<Value>()
    const values = (at: number) => [value(`${at}/a/+`), value(`${at}/b/#`)]
    return {
      get size() {
        return tree.size
      },
      set(at) {
        for (const each of values(at)) tree.set(each)
      },
      delete(at) {
        for (const { topicFilter } of values(at)) tree.delete(topicFilter)
      },
    }
  },
  TopicIndex() {
    const index = new TopicIndex()
    return {
      get size() {
        return index.size
      },
      set(at) {
        index.set(`${at}/a/b`, 1)
      },
      delete(at) {
        index.delete(`${at}/a/b`)
      },
    }
  },
}

for (const [name, create] of Object.entries(structures)) {
  test(`what is deleted from a ${name} leaves its room to what comes next`, () => {
    const structure = create()
    const each = 20_000
    let before = 0
    for (let round = 0; round < 4; round++) {
      for (let at = 0; at < each; at++) structure.set(round * each + at)
      for (let at = 0; at < each; at++) structure.delete(round * each + at)
      assert.equal(structure.size, 0)
      if (round === 0) before = bytesInUse()
    }
    assert.ok(bytesInUse() - before < 500_000)
    structure.set(1)
    assert.notEqual(structure.size, 0)
  })
}

function bytesInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
