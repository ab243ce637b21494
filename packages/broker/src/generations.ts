import { hashOfName, type TopicFilter } from '@busbar/protocol'

const slash = 0x2f
const plus = 0x2b
const hash = 0x23

/** Where changes that concern a Topic Name are counted. */
export interface Places {
  readonly firstLevel: number
  readonly twoLevels: number
  readonly exact: number
}

/**
 * Counts the changes of subscriptions by the part of the topics that they can concern, so that a
 * client that subscribes to its own topics does not cost the routes of all others. Topics share
 * counters, which costs a route more than needed now and then and never keeps a stale one.
 */
export class Generations {
  #everywhere = 0
  readonly #firstLevel = new Uint32Array(256)
  readonly #twoLevels = new Uint32Array(4_096)
  readonly #exact = new Uint32Array(16_384)

  /** Subscriptions to this filter have changed. */
  changed(filter: TopicFilter): void {
    const first = levelEnd(filter, 0)
    const second = levelEnd(filter, first + 1)
    if (isWildcard(filter, 0)) this.#everywhere++
    else if (isWildcard(filter, first + 1)) bump(this.#firstLevel, filter, first)
    else if (hasWildcardFrom(filter, second + 1)) bump(this.#twoLevels, filter, second)
    else bump(this.#exact, filter, filter.length)
  }

  placesOf(topicName: string): Places {
    const first = levelEnd(topicName, 0)
    const second = levelEnd(topicName, first + 1)
    return {
      firstLevel: indexOf(this.#firstLevel, topicName, first),
      twoLevels: indexOf(this.#twoLevels, topicName, second),
      exact: indexOf(this.#exact, topicName, topicName.length),
    }
  }

  /** The same as before when nothing that concerns the place has changed: each part only grows. */
  at({ firstLevel, twoLevels, exact }: Places): number {
    return (
      this.#everywhere +
      (this.#firstLevel[firstLevel] as number) +
      (this.#twoLevels[twoLevels] as number) +
      (this.#exact[exact] as number)
    )
  }
}

/** The end of the level that starts at `start`; of the text where there is none. */
function levelEnd(text: string, start: number): number {
  const end = text.indexOf('/', start)
  return end < 0 || start > text.length ? text.length : end
}

function isWildcard(filter: string, at: number): boolean {
  const unit = filter.charCodeAt(at)
  return unit === plus || unit === hash
}

function hasWildcardFrom(filter: string, from: number): boolean {
  for (let at = from; at < filter.length; at++) {
    if (isWildcard(filter, at) && filter.charCodeAt(at - 1) === slash) return true
  }
  return false
}

function bump(counters: Uint32Array, text: string, end: number): void {
  const index = indexOf(counters, text, end)
  counters[index] = (counters[index] as number) + 1
}

/** The arrays have a power of two of counters. */
function indexOf(counters: Uint32Array, text: string, end: number): number {
  return hashOfName(text, end) & (counters.length - 1)
}
