import { childOf, type LevelChildren, withChild, withoutChild } from './level-children.ts'
import { type FilterPlace, hasWildcard, matchesFrom, type TopicFilter } from './topic-filter.ts'
import { dollar } from './topic-text.ts'

/** The filters that have the same levels up to here. */
class FilterNode<V> {
  readonly level: string
  children: LevelChildren<Branch<V>>
  /** The child for `+`. */
  plus: Branch<V> | undefined
  /** Of the filter that ends here. */
  value: V | undefined
  /** Of the filter that goes on with `#`: it matches here too, so it needs no node of its own. */
  below: V | undefined

  constructor(level: string) {
    this.level = level
  }

  get isEmpty(): boolean {
    return (
      this.value === undefined &&
      this.below === undefined &&
      this.plus === undefined &&
      this.children === undefined
    )
  }
}

/**
 * The only filter that has the same levels up to here. What it has below is compared as text: nodes
 * for it would be most of the tree.
 */
class Leaf<V> implements FilterPlace {
  readonly level: string
  readonly filter: TopicFilter
  /** Where this level ends in the filter. */
  readonly end: number
  value: V

  constructor(level: string, filter: TopicFilter, end: number, value: V) {
    this.level = level
    this.filter = filter
    this.end = end
    this.value = value
  }
}

type Branch<V> = FilterNode<V> | Leaf<V>

/** Values by Topic Filter, found by Topic Name. */
export class TopicTree<V extends NonNullable<unknown>> {
  /** Most filters have no wildcard and match one name: they need no tree, and cost the least here. */
  readonly #exact = new Map<string, V>()
  readonly #root = new FilterNode<V>('')
  #wildcards = 0

  get size(): number {
    return this.#exact.size + this.#wildcards
  }

  get(filter: TopicFilter): V | undefined {
    if (!hasWildcard(filter)) return this.#exact.get(filter)
    const place = this.#find(filter)
    if (place === undefined || place instanceof Leaf) return place?.value
    return endsBelow(filter) ? place.below : place.value
  }

  set(filter: TopicFilter, value: V): void {
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, value)
      return
    }
    if (this.getOrSet(filter, value) === value) return
    const place = this.#find(filter)
    if (place instanceof Leaf) place.value = value
    else if (place !== undefined) endAt(place, filter, value)
  }

  /** The value of a filter; `value` from now on where there is none. */
  getOrSet(filter: TopicFilter, value: V): V {
    if (!hasWildcard(filter)) {
      const known = this.#exact.get(filter)
      if (known === undefined) this.#exact.set(filter, value)
      return known ?? value
    }
    let node = this.#root
    const end = levelsEnd(filter)
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start)
      start += level.length + 1
      const child = branchOf(node, level)
      if (child === undefined) {
        addBranch(node, new Leaf(level, filter, start - 1, value))
        this.#wildcards++
        return value
      }
      if (child instanceof Leaf && child.filter === filter) return child.value
      node = child instanceof Leaf ? split(node, child) : child
    }
    const known = endsBelow(filter) ? node.below : node.value
    if (known !== undefined) return known
    endAt(node, filter, value)
    this.#wildcards++
    return value
  }

  delete(filter: TopicFilter): boolean {
    if (!hasWildcard(filter)) return this.#exact.delete(filter)
    const path = [this.#root]
    let node = this.#root
    const end = levelsEnd(filter)
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start)
      const child = branchOf(node, level)
      if (child === undefined) return false
      if (child instanceof Leaf) {
        if (child.filter !== filter) return false
        removeBranch(node, child)
        return this.#deleted(path)
      }
      node = child
      path.push(node)
      start += level.length + 1
    }
    if ((endsBelow(filter) ? node.below : node.value) === undefined) return false
    endAt(node, filter, undefined)
    return this.#deleted(path)
  }

  #deleted(path: FilterNode<V>[]): true {
    this.#wildcards--
    for (let at = path.length - 1; at > 0; at--) {
      const node = path[at] as FilterNode<V>
      if (!node.isEmpty) break
      removeBranch(path[at - 1] as FilterNode<V>, node)
    }
    return true
  }

  /** Calls `visit` once for each filter that matches the Topic Name, in no particular order. */
  match(name: string, visit: (value: V) => void): void {
    // For nothing a Map would make the hash of a text that is new.
    const value = this.#exact.size === 0 ? undefined : this.#exact.get(name)
    if (value !== undefined) visit(value)
    if (this.#wildcards !== 0) this.#matchWildcards(name, visit)
  }

  // Level by level over all branches at once: each level is cut out of the name once, no branch is
  // entered twice, and deep filters cost no stack.
  #matchWildcards(name: string, visit: (value: V) => void): void {
    const branches: Branch<V>[] = [this.#root]
    let mayBeWildcard = name.charCodeAt(0) !== dollar // at the first level [MQTT5-4.7.2-1]
    let at = 0
    let start = 0
    while (start <= name.length) {
      const slashAt = name.indexOf('/', start)
      const end = slashAt === -1 ? name.length : slashAt
      let level: string | undefined
      for (const last = branches.length; at < last; at++) {
        const branch = branches[at] as Branch<V>
        if (branch instanceof Leaf) {
          if (matchesFrom(branch, name, start - 1)) visit(branch.value)
          continue
        }
        if (branch.children !== undefined) {
          level ??= name.slice(start, end)
          const child = childOf(branch.children, level)
          if (child !== undefined) branches.push(child)
        }
        if (!mayBeWildcard) continue
        if (branch.below !== undefined) visit(branch.below)
        if (branch.plus !== undefined) branches.push(branch.plus)
      }
      if (at === branches.length) return
      mayBeWildcard = true
      start = end + 1
    }
    for (; at < branches.length; at++) {
      const branch = branches[at] as Branch<V>
      if (branch instanceof Leaf) {
        if (matchesFrom(branch, name, name.length)) visit(branch.value)
        continue
      }
      if (branch.below !== undefined) visit(branch.below) // the parent of '#' (U5-4.7.1-a)
      if (branch.value !== undefined) visit(branch.value)
    }
  }

  /** Where the value of a filter with a wildcard is, if it is there. */
  #find(filter: TopicFilter): Branch<V> | undefined {
    let node = this.#root
    const end = levelsEnd(filter)
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start)
      const child = branchOf(node, level)
      if (child === undefined) return undefined
      if (child instanceof Leaf) return child.filter === filter ? child : undefined
      node = child
      start += level.length + 1
    }
    return node
  }
}

function branchOf<V>(node: FilterNode<V>, level: string): Branch<V> | undefined {
  return level === '+' ? node.plus : childOf(node.children, level)
}

function addBranch<V>(parent: FilterNode<V>, branch: Branch<V>): void {
  if (branch.level === '+') parent.plus = branch
  else parent.children = withChild(parent.children, branch)
}

function removeBranch<V>(parent: FilterNode<V>, branch: Branch<V>): void {
  if (parent.plus === branch) parent.plus = undefined
  else parent.children = withoutChild(parent.children, branch)
}

/** Another filter shares the level of a leaf: it becomes a node, with the leaf one level below. */
function split<V>(parent: FilterNode<V>, leaf: Leaf<V>): FilterNode<V> {
  const { level, filter, end, value } = leaf
  const node = new FilterNode<V>(level)
  const start = end + 1
  if (start > levelsEnd(filter)) endAt(node, filter, value)
  else {
    const next = levelAt(filter, start)
    addBranch(node, new Leaf(next, filter, start + next.length, value))
  }
  removeBranch(parent, leaf)
  addBranch(parent, node)
  return node
}

function endAt<V>(node: FilterNode<V>, filter: TopicFilter, value: V | undefined): void {
  if (endsBelow(filter)) node.below = value
  else node.value = value
}

function endsBelow(filter: TopicFilter): boolean {
  return filter.endsWith('#')
}

/**
 * The end of the levels that have nodes: all but a closing `#`. A level starts at 0 and behind each
 * `/` up to there; -1 for the filter `#`, which has none.
 */
function levelsEnd(filter: TopicFilter): number {
  return endsBelow(filter) ? filter.length - 2 : filter.length
}

// Cut out one by one, since `split` costs more than the walk.
function levelAt(filter: TopicFilter, start: number): string {
  const slashAt = filter.indexOf('/', start)
  return filter.slice(start, slashAt === -1 ? filter.length : slashAt)
}
