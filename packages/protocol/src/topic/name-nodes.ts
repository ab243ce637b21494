import { mixed } from './topic-hash.ts'
import { levelEnd } from './topic-text.ts'

/** No node, where one could be: the first is a root, which is nobody's child. */
export const noNode = 0

/** The value of a node at which no name ends. */
export const noValue = -1

// What is known of a node, as numbers in a row.
const parentField = 0
const firstChildField = 1
const nextField = 2
/** Of the first child: the last. */
const previousField = 3
const textField = 4
const lengthField = 5
/** Of a leaf: units of the name behind its level, from the separator on. */
const tailField = 6
const hashField = 7
/** The next node of the same bucket, or of those that are free. */
const chainField = 8
const valueField = 9
const fields = 10

const pageBits = 10
const nodesOfPage = 2 ** pageBits
const firstBuckets = 64
const firstUnits = 256
const noParent = -1

/**
 * The nodes of a tree of topic levels as numbers in arrays: an object, a text and a Map for each
 * would take several times the memory, and the collector would go through all of them. A node is
 * found by its parent and its level in one table for the whole tree. Levels are UTF-16 code units.
 * A leaf may have several levels: its own, and below it a tail that has no nodes.
 */
export class NameNodes {
  readonly #pages: Int32Array[] = []
  #count = 0
  #firstFree = noNode
  #live = 0
  #buckets = new Int32Array(firstBuckets)
  #units = new Uint16Array(firstUnits)
  #unitsUsed = 0
  #unitsLive = 0
  readonly #seed: number
  /** While somebody goes over nodes, the number of one that is gone is not given again. */
  #readers = 0
  #gone: number[] = []

  /** `seed`: what nobody can guess, so that nobody can choose levels that all meet in one bucket. */
  constructor(roots: number, seed: number) {
    this.#seed = seed
    for (let i = 0; i < roots; i++) this.#take(noParent, 0)
  }

  parentOf(node: number): number {
    return this.#get(node, parentField)
  }

  firstChildOf(node: number): number {
    return this.#get(node, firstChildField)
  }

  lastChildOf(node: number): number {
    const first = this.#get(node, firstChildField)
    return first === noNode ? noNode : this.#get(first, previousField)
  }

  /** The next child of the same parent. */
  nextOf(node: number): number {
    return this.#get(node, nextField)
  }

  /** The one before; noNode for the first. */
  previousOf(node: number): number {
    const first = this.#get(this.#get(node, parentField), firstChildField)
    return node === first ? noNode : this.#get(node, previousField)
  }

  valueOf(node: number): number {
    return this.#get(node, valueField)
  }

  setValue(node: number, value: number): void {
    this.#set(node, valueField, value)
  }

  /** The child whose level is `name` from `start` to `end`, or noNode. */
  find(parent: number, name: string, start: number, end: number): number {
    return this.findHashed(parent, this.hashOf(name, start, end), name, start, end)
  }

  /** The same with the hash of that level, which is the same below each parent. */
  findHashed(parent: number, hash: number, name: string, start: number, end: number): number {
    const hashBelow = below(parent, hash)
    let node = this.#buckets[hashBelow & (this.#buckets.length - 1)] as number
    while (node !== noNode) {
      const row = this.#pages[node >>> pageBits] as Int32Array
      const at = (node & (nodesOfPage - 1)) * fields
      if (row[at + hashField] === hashBelow && row[at + parentField] === parent) {
        if (this.#isLevel(node, name, start, end)) return node
      }
      node = row[at + chainField] as number
    }
    return noNode
  }

  /** Adds a child, which the parent must not have. */
  addHashed(parent: number, hash: number, name: string, start: number, end: number): number {
    const node = this.#take(parent, below(parent, hash))
    this.#writeLevel(node, name, start, end)
    this.#addToParent(node, parent)
    this.#addLive(node)
    return node
  }

  /** Adds a child that has the rest of the name, too: its level, and behind `end` its tail. */
  addLeaf(parent: number, hash: number, name: string, start: number, end: number): number {
    const leaf = this.addHashed(parent, hash, name, start, name.length)
    this.#set(leaf, lengthField, end - start)
    this.#set(leaf, tailField, name.length - end)
    return leaf
  }

  hasTail(node: number): boolean {
    return this.#get(node, tailField) > 0
  }

  /** From the separator on; empty for most nodes. */
  tailOf(node: number): string {
    const start = this.#tailStart(node)
    let tail = ''
    for (let at = start; at < start + this.#get(node, tailField); at++) {
      tail += String.fromCharCode(this.#units[at] as number)
    }
    return tail
  }

  /** Whether the name goes on from there as the tail of a node does, which may be empty. */
  isTail(node: number, name: string, from: number): boolean {
    if (this.#get(node, tailField) !== name.length - from) return false
    return this.#hasUnits(this.#tailStart(node), name, from, name.length)
  }

  /** Another name has the level of a leaf: that becomes a node in its place, and the leaf its child. */
  splitLeaf(leaf: number): number {
    this.#removeFromBucket(leaf)
    const node = this.#take(this.parentOf(leaf), this.#get(leaf, hashField))
    this.#set(node, textField, this.#get(leaf, textField))
    this.#set(node, lengthField, this.#get(leaf, lengthField))
    this.#replaceInParent(leaf, node)
    this.#set(node, firstChildField, leaf)
    this.#addToBucket(node)
    const tail = this.tailOf(leaf)
    const end = levelEnd(tail, 1)
    this.#unitsLive-- // the separator
    this.#set(leaf, textField, this.#tailStart(leaf) + 1)
    this.#set(leaf, lengthField, end - 1)
    this.#set(leaf, tailField, tail.length - end)
    this.#set(leaf, hashField, below(node, this.hashOf(tail, 1, end)))
    this.#addLive(leaf)
    return node
  }

  hashOf(name: string, start: number, end: number): number {
    let hash = this.#seed ^ (end - start)
    let at = start
    // Two units a step, as the multiplications wait for each other.
    for (; at + 2 <= end; at += 2) {
      hash = mixed(hash, name.charCodeAt(at) | (name.charCodeAt(at + 1) << 16))
    }
    return at < end ? mixed(hash, name.charCodeAt(at)) : hash
  }

  /** Removes a node that has no children. */
  remove(node: number): void {
    this.#removeFromBucket(node)
    this.#removeFromParent(node)
    this.#live--
    this.#unitsLive -= this.#get(node, lengthField) + this.#get(node, tailField)
    this.#set(node, parentField, noParent)
    this.#set(node, valueField, noValue)
    if (this.#readers > 0) this.#gone.push(node)
    else this.#give(node)
  }

  /** Goes over nodes while they may change: those that have gone have no value. */
  reading<Result>(read: () => Result): Result {
    this.#readers++
    try {
      return read()
    } finally {
      if (--this.#readers === 0) for (const node of this.#gone.splice(0)) this.#give(node)
    }
  }

  #isLevel(node: number, name: string, start: number, end: number): boolean {
    if (this.#get(node, lengthField) !== end - start) return false
    return this.#hasUnits(this.#get(node, textField), name, start, end)
  }

  /** Whether what is kept from `text` on is the name from `start` to `end`. */
  #hasUnits(text: number, name: string, start: number, end: number): boolean {
    const units = this.#units
    for (let at = start; at < end; at++) {
      if (units[text - start + at] !== name.charCodeAt(at)) return false
    }
    return true
  }

  #tailStart(node: number): number {
    return this.#get(node, textField) + this.#get(node, lengthField)
  }

  #take(parent: number, hashBelow: number): number {
    let node = this.#firstFree
    if (node !== noNode) this.#firstFree = this.#get(node, chainField)
    else {
      node = this.#count++
      if (node === this.#pages.length * nodesOfPage) {
        this.#pages.push(new Int32Array(nodesOfPage * fields))
      }
    }
    // All at once, as finding the row costs more than to write in it.
    const row = this.#pages[node >>> pageBits] as Int32Array
    const at = (node & (nodesOfPage - 1)) * fields
    row[at + parentField] = parent
    row[at + firstChildField] = noNode
    row[at + nextField] = noNode
    row[at + previousField] = node
    row[at + lengthField] = 0
    row[at + tailField] = 0
    row[at + hashField] = hashBelow
    row[at + valueField] = noValue
    return node
  }

  #give(node: number): void {
    this.#set(node, chainField, this.#firstFree)
    this.#firstFree = node
  }

  #writeLevel(node: number, name: string, start: number, end: number): void {
    const length = end - start
    if (this.#unitsUsed + length > this.#units.length) this.#moveLevels(length)
    const text = this.#unitsUsed
    this.#unitsUsed += length
    this.#unitsLive += length
    const row = this.#pages[node >>> pageBits] as Int32Array
    const at = (node & (nodesOfPage - 1)) * fields
    row[at + textField] = text
    row[at + lengthField] = length
    const units = this.#units
    for (let i = 0; i < length; i++) units[text + i] = name.charCodeAt(start + i)
  }

  /** Into an array with room for more, without what is no longer needed. */
  #moveLevels(more: number): void {
    const units = new Uint16Array(Math.max(firstUnits, 2 * (this.#unitsLive + more)))
    let used = 0
    if (this.#unitsLive === this.#unitsUsed) {
      units.set(this.#units)
      this.#units = units
      return
    }
    for (let node = 0; node < this.#count; node++) {
      if (this.#get(node, parentField) === noParent) continue
      const text = this.#get(node, textField)
      const length = this.#get(node, lengthField) + this.#get(node, tailField)
      for (let i = 0; i < length; i++) units[used + i] = this.#units[text + i] as number
      this.#set(node, textField, used)
      used += length
    }
    this.#units = units
    this.#unitsUsed = used
  }

  /** Behind the other children; a node that was just taken is the last and the first of its own. */
  #addToParent(node: number, parent: number): void {
    const first = this.#get(parent, firstChildField)
    if (first === noNode) return this.#set(parent, firstChildField, node)
    const last = this.#get(first, previousField)
    this.#set(last, nextField, node)
    this.#set(node, previousField, last)
    this.#set(first, previousField, node)
  }

  #removeFromParent(node: number): void {
    const parent = this.#get(node, parentField)
    const first = this.#get(parent, firstChildField)
    const [next, previous] = [this.#get(node, nextField), this.#get(node, previousField)]
    if (node === first) this.#set(parent, firstChildField, next)
    else this.#set(previous, nextField, next)
    if (next !== noNode) this.#set(next, previousField, previous)
    else if (node !== first) this.#set(first, previousField, previous)
  }

  /** Where a child was is `node` from now on, and the child is below it. */
  #replaceInParent(child: number, node: number): void {
    const parent = this.#get(child, parentField)
    const first = this.#get(parent, firstChildField)
    const [next, previous] = [this.#get(child, nextField), this.#get(child, previousField)]
    if (child === first) this.#set(parent, firstChildField, node)
    else this.#set(previous, nextField, node)
    this.#set(node, nextField, next)
    if (previous !== child) this.#set(node, previousField, previous)
    if (next !== noNode) this.#set(next, previousField, node)
    else if (child !== first) this.#set(first, previousField, node)
    this.#set(child, parentField, node)
    this.#set(child, nextField, noNode)
    this.#set(child, previousField, child)
  }

  #addLive(node: number): void {
    if (++this.#live * 2 > this.#buckets.length) this.#growBuckets()
    else this.#addToBucket(node)
  }

  #addToBucket(node: number): void {
    const bucket = this.#get(node, hashField) & (this.#buckets.length - 1)
    this.#set(node, chainField, this.#buckets[bucket] as number)
    this.#buckets[bucket] = node
  }

  #removeFromBucket(node: number): void {
    const bucket = this.#get(node, hashField) & (this.#buckets.length - 1)
    const next = this.#get(node, chainField)
    let before = this.#buckets[bucket] as number
    if (before === node) {
      this.#buckets[bucket] = next
      return
    }
    while (this.#get(before, chainField) !== node) before = this.#get(before, chainField)
    this.#set(before, chainField, next)
  }

  #growBuckets(): void {
    this.#buckets = new Int32Array(this.#buckets.length * 2)
    for (let node = 0; node < this.#count; node++) {
      if (this.#get(node, parentField) !== noParent) this.#addToBucket(node)
    }
  }

  #get(node: number, field: number): number {
    const page = this.#pages[node >>> pageBits] as Int32Array
    return page[(node & (nodesOfPage - 1)) * fields + field] as number
  }

  #set(node: number, field: number, value: number): void {
    const page = this.#pages[node >>> pageBits] as Int32Array
    page[(node & (nodesOfPage - 1)) * fields + field] = value
  }
}

function below(parent: number, hash: number): number {
  return mixed(Math.imul(parent, 0x85ebca6b), hash)
}
