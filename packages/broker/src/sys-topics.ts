import type { Clock } from './clock.ts'
import { type LossCause, type Losses, lossCauses } from './losses.ts'
import type { Statistics } from './statistics.ts'
import type { DurabilityLevel } from './store/store.ts'

export interface SysTopicsSources {
  readonly statistics: Statistics
  readonly losses: Losses
  readonly durability: DurabilityLevel
  /** The version of Busbar, such as `0.1.0`. */
  readonly version: string
  readonly clock: Pick<Clock, 'now'>
  /** Memory in use, in bytes. */
  readonly heapBytes: () => number
}

export interface SysTopic {
  readonly topicName: string
  readonly payload: string
}

/** Topics below `$SYS/broker/` whose payload is a number: the names of Mosquitto. */
const numbers: readonly (readonly [string, (of: Statistics) => number])[] = [
  ['clients/total', (of) => of.sessions],
  ['clients/maximum', (of) => of.clientsMaximum],
  ['clients/connected', (of) => of.clientsConnected],
  ['clients/active', (of) => of.clientsConnected], // the older name
  ['clients/disconnected', (of) => of.sessionsDisconnected],
  ['clients/inactive', (of) => of.sessionsDisconnected], // the older name
  ['clients/expired', (of) => of.sessionsExpired],
  ['bytes/received', (of) => of.bytesReceived],
  ['bytes/sent', (of) => of.bytesSent],
  ['messages/received', (of) => of.messagesReceived],
  ['messages/sent', (of) => of.messagesSent],
  ['messages/inflight', (of) => of.inFlight],
  ['messages/stored', storedMessages], // the older name
  ['store/messages/count', storedMessages],
  ['store/messages/bytes', (of) => of.retainedBytes + of.queuedBytes],
  ['retained messages/count', (of) => of.retainedMessages], // with a space
  ['publish/messages/received', (of) => of.publishReceived],
  ['publish/messages/sent', (of) => of.publishSent],
  ['publish/bytes/received', (of) => of.publishBytesReceived],
  ['publish/bytes/sent', (of) => of.publishBytesSent],
  ['subscriptions/count', (of) => of.subscriptions],
  ['shared_subscriptions/count', (of) => of.sharedSubscriptions],
]

/** Counters whose increase per minute is averaged below `$SYS/broker/load/`. */
const loads: readonly (readonly [string, (of: SysTopicsSources) => number])[] = [
  ['messages/received', (of) => of.statistics.messagesReceived],
  ['messages/sent', (of) => of.statistics.messagesSent],
  ['publish/dropped', (of) => of.losses.total().messages],
  ['publish/received', (of) => of.statistics.publishReceived],
  ['publish/sent', (of) => of.statistics.publishSent],
  ['bytes/received', (of) => of.statistics.bytesReceived],
  ['bytes/sent', (of) => of.statistics.bytesSent],
  ['sockets', (of) => of.statistics.socketsOpened],
  ['connections', (of) => of.statistics.connectionsAccepted],
]

const spans = [1, 5, 15]

function storedMessages(of: Statistics): number {
  return of.retainedMessages + of.queuedMessages
}

/**
 * The `$SYS` tree: Mosquitto's names with Mosquitto's formats, and ours for durability and losses.
 * The caller publishes what changed, retained, each interval.
 */
export class SysTopics {
  readonly #sources: SysTopicsSources
  readonly #startedAt: number
  readonly #payloads = new Map<string, string>()
  readonly #averages: readonly MovingAverages[]
  #heapMaximum = 0

  constructor(sources: SysTopicsSources) {
    this.#sources = sources
    this.#startedAt = sources.clock.now()
    this.#averages = loads.map(([name, count]) => {
      return new MovingAverages(`load/${name}`, () => count(sources), this.#startedAt)
    })
  }

  /** The topics whose value changed since the last call; all of them at the first. */
  changed(now: number): SysTopic[] {
    const changed: SysTopic[] = []
    for (const [name, payload] of this.#all(now)) {
      const topicName = `$SYS/broker/${name}`
      if (this.#payloads.get(topicName) === payload) continue
      this.#payloads.set(topicName, payload)
      changed.push({ topicName, payload })
    }
    return changed
  }

  *#all(now: number): Iterable<readonly [string, string]> {
    const { statistics, durability, version } = this.#sources
    yield ['version', `busbar version ${version}`]
    yield ['uptime', `${Math.floor((now - this.#startedAt) / 1_000)} seconds`]
    yield ['durability', durability]
    for (const [name, value] of numbers) yield [name, String(value(statistics))]
    yield* this.#heap()
    yield* this.#losses()
    for (const averages of this.#averages) yield* averages.advance(now)
  }

  *#heap(): Iterable<readonly [string, string]> {
    const bytes = this.#sources.heapBytes()
    this.#heapMaximum = Math.max(this.#heapMaximum, bytes)
    yield ['heap/current', String(bytes)]
    yield ['heap/maximum', String(this.#heapMaximum)]
  }

  *#losses(): Iterable<readonly [string, string]> {
    const { losses } = this.#sources
    const { messages, bytes } = losses.total()
    yield ['publish/messages/dropped', String(messages)]
    yield ['losses/messages', String(messages)]
    yield ['losses/bytes', String(bytes)]
    for (const cause of Object.keys(lossCauses) as LossCause[]) {
      yield [`losses/${cause}/messages`, String(losses.total(cause).messages)]
    }
  }
}

/** A counter's increase per minute, averaged exponentially over 1, 5 and 15 minutes. */
class MovingAverages {
  readonly #name: string
  readonly #count: () => number
  readonly #values = spans.map((minutes) => ({ minutes, value: 0 }))
  #last = 0
  #advancedAt: number

  constructor(name: string, count: () => number, now: number) {
    this.#name = name
    this.#count = count
    this.#advancedAt = now
  }

  *advance(now: number): Iterable<readonly [string, string]> {
    const elapsed = (now - this.#advancedAt) / 60_000 // minutes
    const count = this.#count()
    const perMinute = elapsed > 0 ? (count - this.#last) / elapsed : 0
    for (const average of this.#values) {
      const weight = Math.exp(-elapsed / average.minutes) // 1 when no time has passed
      average.value = perMinute + weight * (average.value - perMinute)
      yield [`${this.#name}/${average.minutes}min`, average.value.toFixed(2)]
    }
    // An increase within no time is kept for the next interval.
    if (elapsed <= 0) return
    this.#last = count
    this.#advancedAt = now
  }
}
