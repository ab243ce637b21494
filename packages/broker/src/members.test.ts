import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Member, Members } from './members.ts'

class Named implements Member {
  place = -1
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}

function names(members: Members<Named>): string[] {
  return [...members].map(({ name }) => name)
}

test('members come and go', () => {
  const members = new Members<Named>()
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => new Named(name)) as [
    Named,
    Named,
    Named,
    Named,
  ]
  for (const member of [a, b, c]) members.add(member)
  assert.equal(members.size, 3)
  assert.equal(members.delete(b), true)
  assert.equal(members.delete(b), false)
  assert.equal(members.delete(d), false)
  assert.equal(members.size, 2)
  members.add(d)
  assert.deepEqual(names(members), ['a', 'd', 'c'])
  members.add(b)
  assert.deepEqual(names(members), ['a', 'd', 'c', 'b'])
  for (const member of [a, b, c, d]) members.delete(member)
  assert.equal(members.size, 0)
  assert.deepEqual(names(members), [])
})

test('shows those that stay while others go', () => {
  const members = new Members<Named>()
  const all = ['a', 'b', 'c'].map((name) => new Named(name)) as [Named, Named, Named]
  for (const member of all) members.add(member)
  const seen: string[] = []
  for (const member of members) {
    seen.push(member.name)
    members.delete(member)
    members.delete(all[1])
  }
  assert.deepEqual(seen, ['a', 'c'])
})
