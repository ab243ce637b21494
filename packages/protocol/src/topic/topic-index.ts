import { NameNodes, noNode, noValue } from './name-nodes.ts'
import { hasWildcard, matchesBelow, type TopicFilter } from './topic-filter.ts'
import { dollar, levelEnd } from './topic-text.ts'

/** Names that start with `$` are apart, out of sight of leading wildcards [MQTT5-4.7.2-1]. */
const roots = { ordinary: 0, dollar: 1 } as const

/** What is longer has nodes: each tail that a filter may match is looked at. */
const longestTail = 128

/**
 * Numbers that are not negative by Topic Name, found by Topic Filter. The levels of names are nodes, as far
 * as names share them, and one more level of each: the rest is text there.
 */
export class TopicIndex {
  readonly #nodes: NameNodes
  #size = 0

  /** `seed`: a number that whoever chooses the names cannot guess. */
  constructor(seed = 0) {
    this.#nodes = new NameNodes(Object.keys(roots).length, seed)
  }

  get size(): number {
    return this.#size
  }

  get(name: string): number | undefined {
    const node = this.#find(name)
    return node === noNode ? undefined : valueOrNone(this.#nodes.valueOf(node))
  }

  /** Sets the value of a name; gives the one that it had. */
  set(name: string, value: number): number | undefined {
    const nodes = this.#nodes
    let node: number = rootOf(name)
    for (let start = 0; start <= name.length; ) {
      const end = levelEnd(name, start)
      const levelHash = nodes.hashOf(name, start, end)
      const child = nodes.findHashed(node, levelHash, name, start, end)
      if (child === noNode && name.length - end <= longestTail) {
        this.#size++
        nodes.setValue(nodes.addLeaf(node, levelHash, name, start, end), value)
        return undefined
      }
      node = child === noNode ? nodes.addHashed(node, levelHash, name, start, end) : child
      if (nodes.hasTail(node)) {
        if (nodes.isTail(node, name, end)) break
        node = nodes.splitLeaf(node)
      }
      start = end + 1
    }
    const before = valueOrNone(nodes.valueOf(node))
    nodes.setValue(node, value)
    if (before === undefined) this.#size++
    return before
  }

  /** Gives the value that the name had. */
  delete(name: string): number | undefined {
    let node = this.#find(name)
    const value = node === noNode ? undefined : valueOrNone(this.#nodes.valueOf(node))
    if (value === undefined) return undefined
    this.#size--
    this.#nodes.setValue(node, noValue)
    while (this.#isEmpty(node)) {
      const parent = this.#nodes.parentOf(node)
      this.#nodes.remove(node)
      node = parent
    }
    return value
  }

  /** Shows all values, those of one level in the order in which it came. */
  each(visit: (value: number) => void): void {
    const found: number[] = []
    for (const root of Object.values(roots)) this.#addBelow(root, found)
    this.#visit(found, visit)
  }

  /**
   * Shows the values whose names the filter matches, in an order that depends on nothing but the
   * history of the index. Names may come and go meanwhile; one that has gone is not found any more.
   */
  match(filter: TopicFilter, visit: (value: number) => void): void {
    if (hasWildcard(filter)) return this.#visit(this.#matching(filter), visit)
    const value = this.get(filter)
    if (value !== undefined) visit(value)
  }

  #visit(found: readonly number[], visit: (value: number) => void): void {
    this.#nodes.reading(() => {
      for (const node of found) {
        const value = this.#nodes.valueOf(node)
        if (value !== noValue) visit(value)
      }
    })
  }

  /** The nodes that a filter with wildcards matches. */
  #matching(filter: TopicFilter): readonly number[] {
    const levels = filter.split('/')
    const isOpen = levels.at(-1) === '#'
    if (isOpen) levels.pop()
    const found: number[] = []
    const nodes = [rootOf(filter)]
    const depths = [0]
    for (let node = nodes.pop(); node !== undefined; node = nodes.pop()) {
      const depth = depths.pop() as number
      if (depth === levels.length) {
        if (isOpen)
          this.#addBelow(node, found) // the parent of '#' too (U5-4.7.1-a)
        else if (!this.#nodes.hasTail(node)) found.push(node)
        continue
      }
      if (this.#nodes.hasTail(node)) {
        if (matchesBelow(filter, depth, this.#nodes.tailOf(node), 0)) found.push(node)
        continue
      }
      const level = levels[depth] as string
      if (level !== '+') {
        const child = this.#nodes.find(node, level, 0, level.length)
        if (child === noNode) continue
        nodes.push(child)
        depths.push(depth + 1)
        continue
      }
      // The last one first, since what is pushed last is next.
      let child = this.#nodes.lastChildOf(node)
      for (; child !== noNode; child = this.#nodes.previousOf(child)) {
        nodes.push(child)
        depths.push(depth + 1)
      }
    }
    return found
  }

  /** A node and all below it. */
  #addBelow(top: number, found: number[]): void {
    let node = top
    for (;;) {
      if (this.#nodes.valueOf(node) !== noValue) found.push(node)
      const child = this.#nodes.firstChildOf(node)
      if (child !== noNode) {
        node = child
        continue
      }
      while (node !== top && this.#nodes.nextOf(node) === noNode) node = this.#nodes.parentOf(node)
      if (node === top) return
      node = this.#nodes.nextOf(node)
    }
  }

  #find(name: string): number {
    let node: number = rootOf(name)
    for (let start = 0; start <= name.length; ) {
      const end = levelEnd(name, start)
      node = this.#nodes.find(node, name, start, end)
      if (node === noNode) return noNode
      if (this.#nodes.hasTail(node)) return this.#nodes.isTail(node, name, end) ? node : noNode
      start = end + 1
    }
    return node
  }

  /** Not a root, and nothing needs it. */
  #isEmpty(node: number): boolean {
    const nodes = this.#nodes
    const isInUse = nodes.valueOf(node) !== noValue || nodes.firstChildOf(node) !== noNode
    return !isInUse && node !== roots.ordinary && node !== roots.dollar
  }
}

function rootOf(text: string): number {
  return text.charCodeAt(0) === dollar ? roots.dollar : roots.ordinary
}

function valueOrNone(value: number): number | undefined {
  return value === noValue ? undefined : value
}
