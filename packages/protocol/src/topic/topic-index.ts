import { childOf, type LevelChildren, withChild, withoutChild } from './level-children.ts'
import { hasWildcard, type TopicFilter } from './topic-filter.ts'
import { dollar } from './topic-text.ts'

/** The names that have the same levels up to here. */
class NameNode<V> {
  readonly level: string
  readonly parent: NameNode<V> | undefined
  children: LevelChildren<NameNode<V>>
  /** Of the name that ends here. */
  value: V | undefined

  constructor(level: string, parent: NameNode<V> | undefined) {
    this.level = level
    this.parent = parent
  }
}

interface Branch<V> {
  readonly nodes: Iterator<NameNode<V>>
  readonly depth: number
}

/** Values by Topic Name, found by Topic Filter. */
export class TopicIndex<V extends NonNullable<unknown>> {
  readonly #nodes = new Map<string, NameNode<V>>()
  readonly #root = new NameNode<V>('', undefined)
  /** Names that start with `$` are apart, out of sight of leading wildcards [MQTT5-4.7.2-1]. */
  readonly #dollarRoot = new NameNode<V>('', undefined)

  get size(): number {
    return this.#nodes.size
  }

  get(name: string): V | undefined {
    return this.#nodes.get(name)?.value
  }

  set(name: string, value: V): void {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = this.#create(name)
      this.#nodes.set(name, node)
    }
    node.value = value
  }

  delete(name: string): boolean {
    const node = this.#nodes.get(name)
    if (node === undefined) return false
    this.#nodes.delete(name)
    node.value = undefined
    prune(node)
    return true
  }

  /** All values, in the order in which their names came. */
  *[Symbol.iterator](): Generator<V, void, undefined> {
    for (const node of this.#nodes.values()) {
      if (node.value !== undefined) yield node.value
    }
  }

  /**
   * The values whose names the filter matches, in an order that depends on nothing but the history
   * of the index. Names may come and go meanwhile; one that has gone is not found any more.
   */
  matching(filter: TopicFilter): Iterable<V> {
    if (hasWildcard(filter)) return this.#walk(filter)
    const value = this.get(filter)
    return value === undefined ? [] : [value]
  }

  *#walk(filter: TopicFilter): Generator<V, void, undefined> {
    const levels = filter.split('/')
    const belowFrom = levels.at(-1) === '#' ? levels.length - 1 : Number.POSITIVE_INFINITY
    const branches: Branch<V>[] = []
    let node: NameNode<V> | undefined = this.#rootOf(filter)
    let depth = 0
    for (;;) {
      if (node === undefined) {
        node = nextNode(branches)
        if (node === undefined) return
        depth = (branches.at(-1) as Branch<V>).depth
      }
      const isBelow = depth >= belowFrom // the parent of '#' too (U5-4.7.1-a)
      const isEnd = depth === levels.length
      if ((isBelow || isEnd) && node.value !== undefined) yield node.value
      const children: LevelChildren<NameNode<V>> = isEnd && !isBelow ? undefined : node.children
      const level = isBelow ? '+' : (levels[depth] as string)
      depth++
      if (level !== '+') {
        node = childOf(children, level)
      } else if (children instanceof Map) {
        branches.push({ nodes: children.values(), depth })
        node = undefined
      } else {
        node = children
      }
    }
  }

  #create(name: string): NameNode<V> {
    let node = this.#rootOf(name)
    for (const level of name.split('/')) {
      let child: NameNode<V> | undefined = childOf(node.children, level)
      if (child === undefined) {
        child = new NameNode(level, node)
        node.children = withChild(node.children, child)
      }
      node = child
    }
    return node
  }

  #rootOf(text: string): NameNode<V> {
    return text.charCodeAt(0) === dollar ? this.#dollarRoot : this.#root
  }
}

/** The next node of the innermost branch that has one; branches that are done are dropped. */
function nextNode<V>(branches: Branch<V>[]): NameNode<V> | undefined {
  for (;;) {
    const branch = branches.at(-1)
    if (branch === undefined) return undefined
    const next = branch.nodes.next()
    if (next.done !== true) return next.value
    branches.pop()
  }
}

function prune<V>(from: NameNode<V>): void {
  let node = from
  while (node.value === undefined && node.children === undefined && node.parent !== undefined) {
    const { parent } = node
    parent.children = withoutChild(parent.children, node)
    node = parent
  }
}
