import type { ClientLog, LogEvent } from '../model/log.ts'
import { Random } from '../simulation/random.ts'
import type { Publishing, Role } from './cast.ts'
import { now, SocketClient, type Surroundings } from './socket-client.ts'

/** DISCONNECT with Will Message. */
const withWill = 0x04

/** Between two attempts to reach a broker that is not there. */
const retryMs = 30

/** Publishes and subscribes as its role says, comes back after each crash, and goes on. */
export class Actor {
  readonly role: Role
  readonly #client: SocketClient
  readonly #random: Random
  /** Filters that the broker has answered for in this Session. */
  readonly #subscribed = new Set<string>()
  readonly #asked = new Set<string>()
  /** Sent and not acknowledged in this Session. */
  readonly #unanswered = new Set<string>()
  #phase: 'acting' | 'draining' | 'retiring' = 'acting'
  #comesAt = 0
  #goesAt = 0
  #wakesAt = 0
  #changesAt = 0
  #steppedAt = now()
  /** Messages that the rate allows now. */
  #credit = 0
  #isOver = false

  constructor(role: Role, seed: number, around: Surroundings) {
    this.role = role
    this.#random = new Random(seed, role.clientIdentifier)
    const { clientIdentifier, version } = role
    const watch = (event: LogEvent) => this.#watch(event)
    this.#client = new SocketClient({ clientIdentifier, version, around, watch })
    this.#comesAt = now() + this.#random.between(0, 100)
  }

  get log(): ClientLog {
    return this.#client.log
  }

  get heardAt(): number {
    return this.#client.heardAt
  }

  /** It is connected, has all its subscriptions, and nothing is under way that it knows of. */
  get isSettled(): boolean {
    const { model } = this.#client
    return this.#client.isConnected && this.#hasSubscribed && !model.isUnfinished
  }

  /** Its Session has been given up. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** Why it has not settled. */
  get state(): string {
    const { model } = this.#client
    const missing = this.role.subscriptions.length - this.#subscribed.size
    const subscriptions = missing > 0 ? `, ${missing} subscriptions not answered` : ''
    const { isUnfinished } = model
    return `${model.clientIdentifier}: ${model.state}${subscriptions}${isUnfinished ? ', exchanges not finished' : ''}`
  }

  /** Publishes no more, and stays to receive what is left. */
  drain(): void {
    this.#phase = 'draining'
  }

  /** Goes on after `drain`. */
  resume(): void {
    this.#phase = 'acting'
    this.#goesAt = now() + this.#randomStay()
  }

  /** Gives up its Session. */
  retire(): void {
    this.#phase = 'retiring'
  }

  cut(): void {
    this.#isOver = true
    this.#client.cut()
  }

  /** To be called often. */
  step(): void {
    if (this.#isOver) return
    const at = now()
    const elapsedMs = at - this.#steppedAt
    this.#steppedAt = at
    this.#client.tick()
    if (this.#client.isAway) return this.#comeBack(at)
    if (!this.#client.isConnected) return
    if (this.#phase === 'retiring') return this.#giveUp()
    this.#acknowledge(at)
    this.#subscribe()
    if (this.#phase === 'draining') return
    this.#changeMind(at)
    if (this.role.publishing !== undefined) this.#publish(this.role.publishing, elapsedMs)
    if (this.role.visits !== undefined && at >= this.#goesAt) this.#go(this.role.visits.goodbyes)
  }

  #comeBack(at: number): void {
    if (at < this.#comesAt && this.#phase === 'acting') return
    this.#comesAt = at + retryMs * this.#random.between(0.5, 2)
    const { sessionExpirySeconds, keepAliveSeconds, receiveMaximum, topicAliasMaximum, will } =
      this.role
    const isRetiring = this.#phase === 'retiring'
    this.#client.connect({
      cleanStart: isRetiring || sessionExpirySeconds === 0,
      sessionExpirySeconds: isRetiring ? 0 : sessionExpirySeconds,
      ...{ keepAliveSeconds, topicAliasMaximum },
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      ...(will === undefined || isRetiring ? {} : { will }),
    })
  }

  #watch(event: LogEvent): void {
    switch (event.event) {
      case 'connected':
        if (!event.sessionPresent) {
          this.#subscribed.clear()
          this.#unanswered.clear()
        }
        this.#asked.clear()
        this.#client.model.isLate = false
        this.#goesAt = event.at + this.#randomStay()
        if (this.#phase === 'retiring') this.#isOver = event.expirySeconds === 0
        break
      case 'subscribed':
        this.#subscribed.add(event.filter)
        break
      case 'sent':
        if (event.qos > 0) this.#unanswered.add(event.message)
        break
      case 'acked':
        this.#unanswered.delete(event.message)
        break
      case 'unsubscribed':
        this.#subscribed.delete(event.filter)
        break
      default:
    }
  }

  get #hasSubscribed(): boolean {
    return this.role.subscriptions.every(({ filter }) => this.#subscribed.has(filter))
  }

  #subscribe(): void {
    for (const { filter, qos } of this.role.subscriptions) {
      if (this.#subscribed.has(filter) || this.#asked.has(filter)) continue
      this.#asked.add(filter)
      this.#client.model.subscribe(filter, qos, now())
    }
  }

  /** Makes or gives up the fickle subscription. */
  #changeMind(at: number): void {
    const { fickle } = this.role
    if (fickle === undefined || at < this.#changesAt) return
    this.#changesAt = at + this.#random.around(200)
    const { model } = this.#client
    if (this.#subscribed.has(fickle.filter)) model.unsubscribe(fickle.filter, at)
    else model.subscribe(fickle.filter, fickle.qos, at)
  }

  /** Holds acknowledgements back for a while, now and then, and sends them one after the other. */
  #acknowledge(at: number): void {
    const { model } = this.#client
    if (this.#phase === 'draining') model.isLate = false
    else if (!model.isLate && this.#random.chance(this.role.lateness * 0.02)) {
      model.isLate = true
      this.#wakesAt = at + this.#random.around(150)
    } else if (model.isLate && at >= this.#wakesAt) model.isLate = false
    if (!model.isLate) model.acknowledge(at)
    else if (this.#random.chance(0.3)) model.acknowledge(at, 1)
  }

  #publish(publishing: Publishing, elapsedMs: number): void {
    const { model } = this.#client
    const { topics, qos: qualities, perSecond, window, paddingLimit } = publishing
    this.#credit = Math.min(50, this.#credit + (perSecond * elapsedMs) / 1_000)
    while (this.#credit >= 1 && this.#unanswered.size < window) {
      this.#credit--
      const random = this.#random
      const retain = random.chance(publishing.retained)
      const qos = random.pick(qualities)
      const expires = random.chance(publishing.expiring)
      const message = model.publish(
        {
          topicName: random.pick(topics),
          ...{ qos, retain, padding: random.below(paddingLimit) },
          isEmpty: retain && random.chance(publishing.deletes),
          ...(expires ? { expirySeconds: random.pick([1, 2, 60]) } : {}),
        },
        now(),
      )
      if (message === undefined) return
    }
  }

  #go(goodbyes: number): void {
    const { visits, will, version } = this.role
    this.#comesAt = now() + this.#random.around(visits?.awayMs ?? 0)
    if (!this.#random.chance(goodbyes)) return this.#client.cut()
    const isWilling = will !== undefined && version === 5 && this.#random.chance(0.3)
    this.#client.leave(isWilling ? withWill : 0)
  }

  /** 3.1.1 can only end a Session by beginning a clean one. */
  #giveUp(): void {
    if (this.role.version === 5) {
      this.#isOver = true
      const canChange = this.role.sessionExpirySeconds > 0
      this.#client.leave(0, canChange ? 0 : undefined)
    } else this.#client.leave()
  }

  #randomStay(): number {
    return this.#random.around(this.role.visits?.stayMs ?? 0)
  }
}
