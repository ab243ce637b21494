import { ByText } from '../by-text.ts'
import { NameNodes, noNode, noValue } from './name-nodes.ts'
import { hasWildcard, matchesBelow, type TopicFilter } from './topic-filter.ts'
import { dollar, hash, levelEnd, plus } from './topic-text.ts'

/** What a tree holds: it knows its filter, so that the tree need not keep it. */
export interface Filtered {
  readonly topicFilter: TopicFilter
}

/** Not 0, which is no node. */
const root = 1

/** Instead of the child for `+`, of which a leaf has none. */
const isLeaf = -2

/**
 * Values by their Topic Filter, found by Topic Name. The levels of filters with wildcards are nodes, as
 * far as filters share them, and one more level of each: there it is a leaf. What its filter has below
 * is compared as text: nodes for it would be most of the tree. The value of a node is the number of its
 * child for `+`.
 */
export class TopicTree<V extends Filtered> {
  /** Most filters have no wildcard and match one name: they need no tree, and cost the least here. */
  readonly #exact = new ByText<V>()
  readonly #nodes: NameNodes
  /** By node: of the filter that ends there, or is its leaf. */
  readonly #ends: (V | undefined)[] = []
  /** By node, of the filter that goes on with `#`: it matches there too, and needs no node of its own. */
  readonly #open: (V | undefined)[] = []
  #wildcards = 0

  /** `seed`: a number that whoever chooses the filters cannot guess. */
  constructor(seed = 0) {
    this.#nodes = new NameNodes(root + 1, seed)
    for (let node = 0; node <= root; node++) this.#put(node, undefined, undefined)
  }

  get size(): number {
    return this.#exact.size + this.#wildcards
  }

  get(filter: TopicFilter): V | undefined {
    if (!hasWildcard(filter)) return this.#exact.get(filter)
    const node = this.#find(filter)
    const value = this.#valuesFor(node, filter)[node]
    return value?.topicFilter === filter ? value : undefined
  }

  /** Sets the value of its filter. */
  set(value: V): void {
    const filter = value.topicFilter
    if (!hasWildcard(filter)) {
      this.#exact.set(filter, value)
      return
    }
    if (this.getOrSet(value) === value) return
    const node = this.#find(filter)
    this.#valuesFor(node, filter)[node] = value
  }

  /** The value of the same filter; `value` from now on where there is none. */
  getOrSet(value: V): V {
    const filter = value.topicFilter
    if (!hasWildcard(filter)) {
      const known = this.#exact.get(filter)
      if (known === undefined) this.#exact.set(filter, value)
      return known ?? value
    }
    const nodes = this.#nodes
    const last = levelsEnd(filter)
    let node: number = root
    for (let start = 0; start <= last; ) {
      const end = levelEnd(filter, start)
      const levelHash = nodes.hashOf(filter, start, end)
      const child = nodes.findHashed(node, levelHash, filter, start, end)
      if (child === noNode) {
        this.#addLeaf(node, { levelHash, start, end }, value)
        this.#wildcards++
        return value
      }
      if (nodes.valueOf(child) === isLeaf) {
        const leaf = this.#ends[child] as V
        if (leaf.topicFilter === filter) return leaf
        this.#split(child, end, leaf)
      }
      node = child
      start = end + 1
    }
    const values = this.#valuesFor(node, filter)
    const known = values[node]
    if (known !== undefined) return known
    values[node] = value
    this.#wildcards++
    return value
  }

  delete(filter: TopicFilter): boolean {
    if (!hasWildcard(filter)) return this.#exact.delete(filter)
    const nodes = this.#nodes
    let node = this.#find(filter)
    const values = this.#valuesFor(node, filter)
    if (values[node]?.topicFilter !== filter) return false
    values[node] = undefined
    this.#wildcards--
    while (node !== root && this.#isEmpty(node)) {
      const parent = nodes.parentOf(node)
      if (nodes.valueOf(parent) === node) nodes.setValue(parent, noValue)
      nodes.remove(node)
      node = parent
    }
    return true
  }

  /** Calls `visit` once for each filter that matches the Topic Name, in no particular order. */
  match(name: string, visit: (value: V) => void): void {
    // For nothing the hash would be made of a text that is new.
    const value = this.#exact.size === 0 ? undefined : this.#exact.get(name)
    const found = this.#wildcards === 0 ? undefined : this.#matchingWildcards(name)
    if (value !== undefined) visit(value)
    if (found !== undefined) for (const each of found) visit(each)
  }

  // Level by level over all branches at once: each level is looked at once, no branch is entered
  // twice, and deep filters cost no stack.
  #matchingWildcards(name: string): readonly V[] {
    const nodes = this.#nodes
    const found: V[] = []
    const branches = [root]
    let mayBeWildcard = name.charCodeAt(0) !== dollar // at the first level [MQTT5-4.7.2-1]
    let at = 0
    let depth = 0
    for (let start = 0; start <= name.length; depth++) {
      const end = levelEnd(name, start)
      let levelHash: number | undefined
      for (const last = branches.length; at < last; at++) {
        const node = branches[at] as number
        const plusChild = nodes.valueOf(node)
        if (plusChild === isLeaf) {
          const leaf = this.#ends[node] as V
          if (matchesBelow(leaf.topicFilter, depth, name, start - 1)) found.push(leaf)
          continue
        }
        if (nodes.firstChildOf(node) !== noNode) {
          levelHash ??= nodes.hashOf(name, start, end)
          const child = nodes.findHashed(node, levelHash, name, start, end)
          if (child !== noNode) branches.push(child)
        }
        if (!mayBeWildcard) continue
        const open = this.#open[node]
        if (open !== undefined) found.push(open)
        if (plusChild !== noValue) branches.push(plusChild)
      }
      if (at === branches.length) return found
      mayBeWildcard = true
      start = end + 1
    }
    for (; at < branches.length; at++) {
      const node = branches[at] as number
      const end = this.#ends[node]
      if (nodes.valueOf(node) === isLeaf) {
        const { topicFilter } = end as V
        if (matchesBelow(topicFilter, depth, name, name.length)) found.push(end as V)
        continue
      }
      const open = this.#open[node]
      if (open !== undefined) found.push(open) // the parent of '#' (U5-4.7.1-a)
      if (end !== undefined) found.push(end)
    }
    return found
  }

  /** The node at which a filter with a wildcard is if it is there; noNode where it cannot be. */
  #find(filter: TopicFilter): number {
    const last = levelsEnd(filter)
    let node: number = root
    for (let start = 0; start <= last; ) {
      const end = levelEnd(filter, start)
      node = this.#nodes.find(node, filter, start, end)
      if (node === noNode || this.#nodes.valueOf(node) === isLeaf) return node
      start = end + 1
    }
    return node
  }

  /** Where a node has the value of a filter. */
  #valuesFor(node: number, filter: TopicFilter): (V | undefined)[] {
    const isBelow = endsOpen(filter) && this.#nodes.valueOf(node) !== isLeaf
    return isBelow ? this.#open : this.#ends
  }

  #addLeaf(
    parent: number,
    { levelHash, start, end }: { levelHash: number; start: number; end: number },
    value: V,
  ): void {
    const filter = value.topicFilter
    const node = this.#nodes.addHashed(parent, levelHash, filter, start, end)
    this.#nodes.setValue(node, isLeaf)
    this.#put(node, value, undefined)
    if (filter.charCodeAt(start) === plus) this.#nodes.setValue(parent, node)
  }

  /** Another filter shares the levels of a leaf up to `sharedEnd`: it moves one level below. */
  #split(node: number, sharedEnd: number, value: V): void {
    const filter = value.topicFilter
    const start = sharedEnd + 1
    this.#nodes.setValue(node, noValue)
    this.#put(node, undefined, undefined)
    if (start > levelsEnd(filter)) {
      this.#valuesFor(node, filter)[node] = value
      return
    }
    const end = levelEnd(filter, start)
    const levelHash = this.#nodes.hashOf(filter, start, end)
    this.#addLeaf(node, { levelHash, start, end }, value)
  }

  #put(node: number, end: V | undefined, open: V | undefined): void {
    this.#ends[node] = end
    this.#open[node] = open
  }

  #isEmpty(node: number): boolean {
    if (this.#ends[node] !== undefined || this.#open[node] !== undefined) return false
    return this.#nodes.firstChildOf(node) === noNode
  }
}

function endsOpen(filter: TopicFilter): boolean {
  return filter.charCodeAt(filter.length - 1) === hash
}

/**
 * The end of the levels that have nodes: all but a closing `#`. A level starts at 0 and behind each
 * `/` up to there; -1 for the filter `#`, which has none.
 */
function levelsEnd(filter: TopicFilter): number {
  return endsOpen(filter) ? filter.length - 2 : filter.length
}
