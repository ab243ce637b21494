import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseTopicFilter, topicMatches } from '@busbar/protocol'
import { filterCovers, filtersOverlap } from './filter-relations.ts'

/** one, other, whether the first covers the second, whether they overlap */
const relations = [
  ['a', 'a', true, true],
  ['a', 'b', false, false],
  ['#', 'a/b', true, true],
  ['a/#', 'a', true, true],
  ['a/#', 'a/b/c', true, true],
  ['a/#', '#', false, true],
  ['a/#', '+/b', false, true],
  ['a/#', 'b/#', false, false],
  ['a/+', 'a/b', true, true],
  ['a/+', 'a/#', false, true],
  ['a/+', 'a', false, false],
  ['a/+', 'a/b/c', false, false],
  ['a/+/c', 'a/+/c', true, true],
  ['a/b/c', 'a/+/c', false, true],
  ['a/b/d', 'a/+/c', false, false],
  ['a', 'a/b', false, false],
  ['+', '/', false, false],
  ['+/+', '/', true, true],
  ['#', '$SYS/#', false, false],
  ['+/x', '$SYS/x', false, false],
  ['$SYS/#', '#', false, false],
  ['$SYS/#', '$SYS/a', true, true],
  ['$SYS/#', '$SYS', true, true],
] as const

for (const [one, other, covers, overlap] of relations) {
  test(`${one} and ${other}`, () => {
    const [first, second] = [parseTopicFilter(one), parseTopicFilter(other)]
    assert.equal(filterCovers(first, second), covers, 'covers')
    assert.equal(filtersOverlap(first, second), overlap, 'overlap')
    assert.equal(filtersOverlap(second, first), overlap, 'overlap, the other way round')
  })
}

test('agree with what the filters match, for all filters and names of up to three levels', () => {
  const lists = (levels: readonly string[]) => {
    const one = levels.map((level) => [level])
    const two = one.flatMap((head) => levels.map((level) => [...head, level]))
    const three = two.flatMap((head) => levels.map((level) => [...head, level]))
    return [...one, ...two, ...three].map((each) => each.join('/'))
  }
  const names = lists(['a', 'b', '$c'])
  const filters = lists(['a', '$c', '+', '#'])
    .filter((text) => !/#\//.test(text))
    .map((text) => parseTopicFilter(text))
  const matched = filters.map(
    (filter) => new Set(names.filter((name) => topicMatches(filter, name))),
  )
  for (const [i, one] of filters.entries()) {
    for (const [j, other] of filters.entries()) {
      const [mine, theirs] = [matched[i] as Set<string>, matched[j] as Set<string>]
      // Names of more levels than these could tell more filters apart: so only what must not be.
      if (filterCovers(one, other))
        assert.ok(
          [...theirs].every((name) => mine.has(name)),
          `${one} covers ${other}`,
        )
      if ([...mine].some((name) => theirs.has(name)))
        assert.ok(filtersOverlap(one, other), `${one} and ${other}`)
    }
  }
})
