import { hashOfBytes, hashOfName, type QoS } from '@busbar/protocol'
import type { Places } from './generations.ts'
import type { Session } from './session.ts'

/** Who gets the messages of a topic, and how: one for each Session. */
export interface Target {
  readonly session: Session
  /** The highest that was granted. */
  qos: QoS
  retainAsPublished: boolean
  subscriptionIdentifiers: readonly number[]
}

/** What is known of a Topic Name that is published to. */
export interface Route {
  readonly topicName: string
  /** In UTF-8, which is ASCII here. */
  readonly topic: Uint8Array
  readonly hash: number
  readonly places: Places
  /** The generation that `targets` are of. */
  generation: number
  /** Undefined where the message decides, too: with Shared Subscriptions and No Local. */
  targets: readonly Target[] | undefined
}

const firstSlots = 1_024
const mostSlots = 65_536

/** Longer topics are looked up anew each time. */
const longestTopic = 256

/** One bit for each hash of topics that were published to once. */
const seenWords = 16_384

/** So many bits may be set: with more, topics would be taken for others that were seen. */
const mostSeen = (seenWords * 32) / 8

/** All routes have been looked at after so many sweeps. */
const sweepsOfARound = 32

/** Of all routes together, which is what takes memory; then the cache starts again. */
const mostTargets = 200_000

/**
 * Routes by the bytes of their Topic Name, so that no string is made to find one. A topic has one of
 * two slots; what does not fit pushes another one out, and a table that is too small grows.
 */
export class RouteCache {
  #slots: (Route | undefined)[] = new Array(firstSlots).fill(undefined)
  #targets = 0
  #nextSwept = 0
  readonly #seen = new Uint32Array(seenWords)
  #seenCount = 0

  find(bytes: Uint8Array, start: number, end: number): Route | undefined {
    const hash = hashOfBytes(bytes, start, end)
    const at = hash & (this.#slots.length - 1)
    const route = this.#slots[at]
    if (route?.hash === hash && isTopic(route.topic, bytes, start, end)) return route
    const other = this.#slots[at ^ 1]
    return other?.hash === hash && isTopic(other.topic, bytes, start, end) ? other : undefined
  }

  /**
   * The route of a topic by its name, kept from its second message on: many topics never have one.
   * Undefined where it is none to be kept, and for the first message after `forgetSeen`.
   */
  learn(topicName: string, placesOf: (topicName: string) => Places): Route | undefined {
    const hash = hashOfName(topicName)
    // Asked first: of a topic that is new it says enough.
    if (!this.#wasSeen(hash)) return undefined
    const at = hash & (this.#slots.length - 1)
    const known = this.#slots[at]
    if (known?.hash === hash && known.topicName === topicName) return known
    const other = this.#slots[at ^ 1]
    if (other?.hash === hash && other.topicName === topicName) return other
    const topic = asciiOf(topicName)
    if (topic === undefined) return undefined
    const places = placesOf(topicName)
    const route = { topicName, topic, hash, places, generation: -1, targets: undefined }
    this.#put(route)
    return route
  }

  /** The route has other targets from now on. */
  replaced(before: readonly Target[] | undefined, after: readonly Target[] | undefined): void {
    this.#targets += (after?.length ?? 0) - (before?.length ?? 0)
    if (this.#targets > mostTargets) this.#clear()
  }

  /**
   * Looks at some of the routes, and forgets those that are out of date: with them go Sessions that
   * have ended.
   */
  sweep(isCurrent: (route: Route) => boolean): void {
    const slots = this.#slots
    const start = this.#nextSwept < slots.length ? this.#nextSwept : 0
    this.#nextSwept = start + slots.length / sweepsOfARound
    for (let at = start; at < this.#nextSwept && at < slots.length; at++) {
      const route = slots[at]
      if (route === undefined || isCurrent(route)) continue
      this.replaced(route.targets, undefined)
      slots[at] = undefined
    }
  }

  /** Topics that had one message are as if they had none. */
  forgetSeen(): void {
    this.#seen.fill(0)
    this.#seenCount = 0
  }

  /** From now on it was. */
  #wasSeen(hash: number): boolean {
    const word = (hash >>> 5) & (seenWords - 1)
    const seen = this.#seen[word] as number
    const bit = 1 << (hash & 31)
    if ((seen & bit) !== 0) return true
    if (this.#seenCount === mostSeen) this.forgetSeen()
    this.#seenCount++
    this.#seen[word] = (this.#seen[word] as number) | bit
    return false
  }

  #put(route: Route): void {
    const first = route.hash & (this.#slots.length - 1)
    const at = this.#slots[first] === undefined ? first : first ^ 1
    const displaced = this.#slots[at]
    this.#slots[at] = route
    if (displaced === undefined) return
    if (this.#slots.length < mostSlots) {
      this.#grow()
      this.#put(displaced)
    } else this.replaced(displaced.targets, undefined)
  }

  #grow(): void {
    const routes = this.#slots
    this.#slots = new Array(routes.length * 2).fill(undefined)
    for (const route of routes) if (route !== undefined) this.#put(route)
  }

  #clear(): void {
    this.#slots = new Array(firstSlots).fill(undefined)
    this.#targets = 0
  }
}

function isTopic(topic: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (topic.length !== end - start) return false
  for (let i = 0; i < topic.length; i++) if (topic[i] !== bytes[start + i]) return false
  return true
}

function asciiOf(topicName: string): Uint8Array | undefined {
  if (topicName.length > longestTopic) return undefined
  const topic = new Uint8Array(topicName.length)
  for (let at = 0; at < topic.length; at++) {
    const unit = topicName.charCodeAt(at)
    if (unit > 0x7f) return undefined
    topic[at] = unit
  }
  return topic
}
