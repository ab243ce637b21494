import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseTopicFilter, type TopicFilter, topicMatches } from './topic-filter.ts'
import { TopicIndex } from './topic-index.ts'
import { parseTopicName } from './topic-name.ts'
import { type Filtered, TopicTree } from './topic-tree.ts'

// The three ways to match, which must agree: a filter and a name, filters by name, names by filter.
const matchers = {
  topicMatches,
  TopicTree(filter: TopicFilter, name: string): boolean {
    const tree = new TopicTree<Filtered>()
    tree.set({ topicFilter: filter })
    return matching(tree, name).length === 1
  },
  TopicIndex(filter: TopicFilter, name: string): boolean {
    const index = new TopicIndex()
    index.set(name, 1)
    return namesIn(index, [name, name], filter).length === 1
  },
}

const matches = [
  ['MQTT5-4.7.3-4', 'a', 'a'],
  ['MQTT5-4.7.3-4', '/', '/'],
  ['MQTT5-4.7.3-4', 'a//b', 'a//b'],
  ['MQTT5-4.7.3-4', ' a/é', ' a/é'],
  ['MQTT5-4.7.1-1', '#', 'a'],
  ['MQTT5-4.7.1-1', '#', '/'],
  ['MQTT5-4.7.1-1', '#', 'a/$b/c'],
  ['MQTT5-4.7.1-1', 'sport/tennis/player1/#', 'sport/tennis/player1'],
  ['MQTT5-4.7.1-1', 'sport/tennis/player1/#', 'sport/tennis/player1/ranking'],
  ['MQTT5-4.7.1-1', 'sport/tennis/player1/#', 'sport/tennis/player1/score/wimbledon'],
  ['U5-4.7.1-a', 'sport/#', 'sport'],
  ['U5-4.7.1-a', 'sport/#', 'sport/'],
  ['U5-4.7.1-a', '/#', '/'],
  ['U5-4.7.1-a', '/#', '/a'],
  ['U5-4.7.1-a', '+/#', 'a'],
  ['U5-4.7.1-a', 'a/+/#', 'a/b'],
  ['U5-4.7.1-a', '+/+', '/finance'],
  ['U5-4.7.1-a', '/+', '/finance'],
  ['MQTT5-4.7.1-2', 'sport/+', 'sport/'],
  ['MQTT5-4.7.1-2', 'sport/+/player1', 'sport/tennis/player1'],
  ['MQTT5-4.7.1-2', '+', 'a'],
  ['MQTT5-4.7.1-2', '+/+', '/'],
  ['MQTT5-4.7.1-2', '+//+', 'a//b'],
  ['MQTT5-4.7.2-1', '$SYS/#', '$SYS/broker'],
  ['MQTT5-4.7.2-1', '$SYS/#', '$SYS'],
  ['MQTT5-4.7.2-1', '$SYS/+', '$SYS/x'],
  ['MQTT5-4.7.2-1', '$SYS/x', '$SYS/x'],
  ['MQTT5-4.7.2-1', '$/+', '$/x'],
  ['MQTT5-4.7.2-1', '/+', '/$SYS'],
] as const

const misses = [
  ['MQTT5-4.7.3-4', 'a', 'A'],
  ['MQTT5-4.7.3-4', 'a', 'a/'],
  ['MQTT5-4.7.3-4', 'a/', 'a'],
  ['MQTT5-4.7.3-4', 'a/b', 'a//b'],
  ['MQTT5-4.7.3-4', '/a', 'a'],
  ['MQTT5-4.7.3-4', 'e\u0301', '\u00e9'],
  ['MQTT5-4.7.3-4', 'ab', 'a'],
  ['MQTT5-4.7.3-4', 'a', 'ab'],
  ['MQTT5-4.7.1-1', 'a/#', 'ab'],
  ['MQTT5-4.7.1-1', 'a/#', 'b'],
  ['MQTT5-4.7.1-1', '/#', 'a'],
  ['MQTT5-4.7.1-1', 'a/b/#', 'a'],
  ['MQTT5-4.7.1-2', 'sport/+', 'sport'],
  ['MQTT5-4.7.1-2', 'sport/tennis/+', 'sport/tennis/player1/ranking'],
  ['MQTT5-4.7.1-2', '+', 'a/b'],
  ['U5-4.7.1-a', '+', '/finance'],
  ['MQTT5-4.7.2-1', '#', '$SYS/x'],
  ['MQTT5-4.7.2-1', '#', '$'],
  ['MQTT5-4.7.2-1', '+', '$a'],
  ['MQTT5-4.7.2-1', '+/#', '$SYS/x'],
  ['MQTT5-4.7.2-1', '+/x', '$SYS/x'],
  ['MQTT5-4.7.2-1', '+/monitor/Clients', '$SYS/monitor/Clients'],
] as const

for (const [how, isMatch] of Object.entries(matchers)) {
  for (const [statement, filter, name] of matches) {
    test(`${how}: ${filter} matches ${name} [${statement}]`, () => {
      assert.equal(isMatch(parseTopicFilter(filter), parseTopicName(name)), true)
    })
  }
  for (const [statement, filter, name] of misses) {
    test(`${how}: ${filter} does not match ${name} [${statement}]`, () => {
      assert.equal(isMatch(parseTopicFilter(filter), parseTopicName(name)), false)
    })
  }
}

// Few levels and few texts for them, so that much matches; the empty level, $ and a long one among them.
const level = fc.constantFrom('', 'a', 'b', '$a', '$', 'c'.repeat(70))
const topicName = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((text) => text !== '')
const topicFilter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 5 }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, '#'] : levels).join('/'))
  .filter((text) => text !== '')
  .map((text) => parseTopicFilter(text))

test('topicMatches is what section 4.7 says level by level [MQTT5-3.3.2-3]', () => {
  fc.assert(
    fc.property(topicFilter, topicName, (filter, name) => {
      assert.equal(topicMatches(filter, name), matchesByLevels(filter, name))
    }),
    { numRuns: 2_000 },
  )
})

test('TopicTree.match visits what topicMatches says, once each [MQTT5-3.3.2-3]', () => {
  const changes = fc.array(fc.tuple(topicFilter, fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(changes, fc.array(topicName, { maxLength: 10 }), (history, names) => {
      const tree = new TopicTree<Filtered>()
      const model = new Set<TopicFilter>()
      for (const [filter, isAdded] of history) {
        if (isAdded) tree.set({ topicFilter: filter })
        else assert.equal(tree.delete(filter), model.has(filter))
        if (isAdded) model.add(filter)
        else model.delete(filter)
        assert.equal(tree.get(filter)?.topicFilter, isAdded ? filter : undefined)
      }
      assert.equal(tree.size, model.size)
      for (const name of names) {
        const expected = [...model].filter((filter) => topicMatches(filter, name))
        assert.deepEqual(matching(tree, name).sort(), expected.sort())
      }
    }),
    { numRuns: 500 },
  )
})

test('TopicIndex.match finds what topicMatches says, once each [MQTT5-3.3.2-3]', () => {
  const changes = fc.array(fc.tuple(topicName, fc.boolean()), { maxLength: 60 })
  fc.assert(
    fc.property(changes, fc.array(topicFilter, { maxLength: 10 }), (history, filters) => {
      const index = new TopicIndex()
      const all = history.map(([name]) => name)
      const model = new Map<string, number>()
      for (const [at, [name, isAdded]] of history.entries()) {
        const before = isAdded ? index.set(name, at) : index.delete(name)
        assert.equal(before, model.get(name))
        if (isAdded) model.set(name, at)
        else model.delete(name)
        assert.equal(index.get(name), model.get(name))
      }
      assert.equal(index.size, model.size)
      const values: number[] = []
      index.each((value) => values.push(value))
      assert.deepEqual(values.sort(), [...model.values()].sort())
      for (const filter of filters) {
        const expected = [...model.keys()].filter((name) => topicMatches(filter, name))
        assert.deepEqual(namesIn(index, all, filter).sort(), expected.sort())
      }
    }),
    { numRuns: 500 },
  )
})

test('TopicIndex.match can be interrupted by any change', () => {
  const changes = fc.array(fc.tuple(topicName, fc.boolean()), { maxLength: 30 })
  const start = fc.uniqueArray(topicName, { maxLength: 30 })
  fc.assert(
    fc.property(topicFilter, start, changes, (filter, names, history) => {
      const index = new TopicIndex()
      const all = [...names, ...history.map(([name]) => name)]
      for (const [at, name] of names.entries()) index.set(name, at)
      const untouched = new Set(names)
      for (const [name] of history) untouched.delete(name)
      const pending = [...history.keys()]
      const found: (string | undefined)[] = []
      index.match(filter, (value) => {
        const name = all[value] as string
        assert.equal(index.get(name), value, 'what has gone is not found')
        found.push(name)
        const at = pending.shift()
        if (at === undefined) return
        const [changed, isAdded] = history[at] as [string, boolean]
        if (isAdded) index.set(changed, names.length + at)
        else index.delete(changed)
      })
      for (const name of untouched) {
        const times = found.filter((value) => value === name).length
        assert.equal(times, topicMatches(filter, name) ? 1 : 0, name)
      }
    }),
    { numRuns: 2_000 },
  )
})

/** The names that a filter finds, whose values are their places in `all`. */
function namesIn(index: TopicIndex, all: readonly string[], filter: TopicFilter): string[] {
  const found: string[] = []
  index.match(filter, (value) => found.push(all[value] as string))
  return found
}

function matching(tree: TopicTree<Filtered>, name: string): TopicFilter[] {
  const found: TopicFilter[] = []
  tree.match(name, ({ topicFilter }) => found.push(topicFilter))
  return found
}

function matchesByLevels(filter: string, name: string): boolean {
  if (name.startsWith('$') && /^[+#]/.test(filter)) return false
  const wanted = filter.split('/')
  const levels = name.split('/')
  const isOpen = wanted.at(-1) === '#'
  if (isOpen) wanted.pop()
  if (isOpen ? levels.length < wanted.length : levels.length !== wanted.length) return false
  return wanted.every((text, at) => text === '+' || text === levels[at])
}
