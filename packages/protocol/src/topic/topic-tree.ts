import { childOf, type LevelChildren, withChild, withoutChild } from './level-children.ts'
import { hasWildcard, type TopicFilter } from './topic-filter.ts'
import { dollar } from './topic-text.ts'

/** The filters that have the same levels up to here. */
class FilterNode<V> {
  readonly level: string
  readonly parent: FilterNode<V> | undefined
  children: LevelChildren<FilterNode<V>>
  /** The child for `+`. */
  plus: FilterNode<V> | undefined
  /** Of the filter that ends here. */
  value: V | undefined
  /** Of the filter that goes on with `#`: it matches here too, so it needs no node of its own. */
  below: V | undefined

  constructor(level: string, parent: FilterNode<V> | undefined) {
    this.level = level
    this.parent = parent
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

/** Values by Topic Filter, found by Topic Name. */
export class TopicTree<V extends NonNullable<unknown>> {
  /** Most filters have no wildcard and match one name: they need no tree, and cost the least here. */
  readonly #exact = new Map<string, V>()
  readonly #root = new FilterNode<V>('', undefined)
  #wildcards = 0

  get size(): number {
    return this.#exact.size + this.#wildcards
  }

  get(filter: TopicFilter): V | undefined {
    if (!hasWildcard(filter)) return this.#exact.get(filter)
    const node = this.#find(filter)
    return endsBelow(filter) ? node?.below : node?.value
  }

  /** The value of a filter; that of `create` from now on where there is none. */
  getOrSet(filter: TopicFilter, create: () => V): V {
    if (!hasWildcard(filter)) {
      const known = this.#exact.get(filter)
      const value = known ?? create()
      if (known === undefined) this.#exact.set(filter, value)
      return value
    }
    const node = this.#findOrCreate(filter)
    const isBelow = endsBelow(filter)
    const known = isBelow ? node.below : node.value
    if (known !== undefined) return known
    const value = create()
    if (isBelow) node.below = value
    else node.value = value
    this.#wildcards++
    return value
  }

  set(filter: TopicFilter, value: V): void {
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, value)
      return
    }
    const node = this.#findOrCreate(filter)
    if ((endsBelow(filter) ? node.below : node.value) === undefined) this.#wildcards++
    if (endsBelow(filter)) node.below = value
    else node.value = value
  }

  delete(filter: TopicFilter): boolean {
    if (!hasWildcard(filter)) return this.#exact.delete(filter)
    const node = this.#find(filter)
    if (node === undefined) return false
    const isBelow = endsBelow(filter)
    if ((isBelow ? node.below : node.value) === undefined) return false
    if (isBelow) node.below = undefined
    else node.value = undefined
    this.#wildcards--
    prune(node)
    return true
  }

  /** Calls `visit` once for each filter that matches the Topic Name, in no particular order. */
  match(name: string, visit: (value: V) => void): void {
    const value = this.#exact.get(name)
    if (value !== undefined) visit(value)
    if (this.#wildcards !== 0) this.#matchWildcards(name, visit)
  }

  // Level by level over all branches at once: each level is cut out of the name once, no branch is
  // entered twice, and deep filters cost no stack.
  #matchWildcards(name: string, visit: (value: V) => void): void {
    const branches = [this.#root]
    let mayBeWildcard = name.charCodeAt(0) !== dollar // at the first level [MQTT5-4.7.2-1]
    let at = 0
    let start = 0
    while (start <= name.length) {
      const slashAt = name.indexOf('/', start)
      const end = slashAt === -1 ? name.length : slashAt
      let level: string | undefined
      for (const last = branches.length; at < last; at++) {
        const node = branches[at] as FilterNode<V>
        if (node.children !== undefined) {
          level ??= name.slice(start, end)
          const child = childOf(node.children, level)
          if (child !== undefined) branches.push(child)
        }
        if (!mayBeWildcard) continue
        if (node.below !== undefined) visit(node.below)
        if (node.plus !== undefined) branches.push(node.plus)
      }
      if (at === branches.length) return
      mayBeWildcard = true
      start = end + 1
    }
    for (; at < branches.length; at++) {
      const node = branches[at] as FilterNode<V>
      if (node.below !== undefined) visit(node.below) // the parent of '#' (U5-4.7.1-a)
      if (node.value !== undefined) visit(node.value)
    }
  }

  #find(filter: TopicFilter): FilterNode<V> | undefined {
    let node: FilterNode<V> | undefined = this.#root
    const end = levelsEnd(filter)
    for (let start = 0; start <= end && node !== undefined; ) {
      const level = levelAt(filter, start)
      node = level === '+' ? node.plus : childOf(node.children, level)
      start += level.length + 1
    }
    return node
  }

  #findOrCreate(filter: TopicFilter): FilterNode<V> {
    let node = this.#root
    const end = levelsEnd(filter)
    for (let start = 0; start <= end; ) {
      const level = levelAt(filter, start)
      const known: FilterNode<V> | undefined =
        level === '+' ? node.plus : childOf(node.children, level)
      node = known ?? addChild(node, level)
      start += level.length + 1
    }
    return node
  }
}

function addChild<V>(parent: FilterNode<V>, level: string): FilterNode<V> {
  const node = new FilterNode(level, parent)
  if (level === '+') parent.plus = node
  else parent.children = withChild(parent.children, node)
  return node
}

function prune<V>(from: FilterNode<V>): void {
  let node = from
  while (node.isEmpty && node.parent !== undefined) {
    const { parent } = node
    if (parent.plus === node) parent.plus = undefined
    else parent.children = withoutChild(parent.children, node)
    node = parent
  }
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
