import type { QoS } from '@busbar/protocol'
import type { LogEvent } from '../model/log.ts'
import { ModelClient } from '../model/model-client.ts'
import type { ModelConnectOptions, ModelWill } from '../model/model-connection.ts'
import type { ClientEnd, SimulatedConnection } from './connection.ts'
import type { FaultKind, Traits } from './profile.ts'
import type { Random } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/** What the simulation does for its clients. */
export interface World {
  readonly scheduler: Scheduler
  /** Undefined while the broker is down. */
  open(client: ClientEnd): SimulatedConnection | undefined
  /** Whether this kind of fault may happen now; counts it if so. */
  mayFail(kind: FaultKind): boolean
}

const ordinaryTopics = ['a/0', 'a/1', 'a/2', 'n/0']
const retainedTopics = ['r/0', 'r/1', 'r/2']
const sharedTopics = ['s/0', 's/1']
const ordinaryFilters = ['a/0', 'a/1', 'a/+', 'a/#', '+/0', 'r/+', 'r/0', 'w/+']
const sharedFilters = ['$share/g/s/+', '$share/g/s/+', '$share/h/s/#', '$share/g/s/0']

/** A Session of this length outlives the run, and clocks that are set forward. */
const longSeconds = 600_000

/** How long a client waits for CONNACK, and for the end after its DISCONNECT. */
const patienceMs = 5_000

/** One client of the simulation: does at random what clients do. */
export class Actor {
  readonly client: ModelClient
  readonly traits: Traits
  readonly events: LogEvent[] = []
  readonly #world: World
  readonly #random: Random
  #connection: SimulatedConnection | undefined
  #since = 0
  #nextConnectAt = 0
  /** No CONNACK has come since the last CONNECT. */
  #isUnanswered = false
  /** The last DISCONNECT has asked for a shorter Session. */
  #isShortened = false
  /** Nothing new: the client only finishes what is under way. */
  #isDraining = false

  constructor(world: World, random: Random, traits: Traits) {
    this.#world = world
    this.#random = random
    this.traits = traits
    const { clientIdentifier, version } = traits
    const log = (event: LogEvent) => {
      this.events.push(event)
      if (event.event === 'connected') this.#isUnanswered = this.#isShortened = false
    }
    this.client = new ModelClient({ clientIdentifier, version, run: 'r', log })
  }

  /** Acts again and again, in its own time. */
  live(): void {
    const { scheduler } = this.#world
    scheduler.after(this.#random.around(this.traits.thinkMs), () => {
      if (this.#isDraining) return
      this.#act()
      this.live()
    })
  }

  /** From now on it connects, acknowledges and does nothing else. */
  drain(): void {
    this.#isDraining = true
    this.client.isLate = false
    this.client.acknowledge(this.#now)
  }

  /** One step of draining; true when nothing is left to do. */
  finish(): boolean {
    const { client } = this
    client.tick(this.#now)
    if (client.state === 'idle') this.#connect({ isPlain: true })
    else if (client.state !== 'connected') this.#giveUp()
    return client.state === 'connected' && !client.isUnfinished
  }

  get #now(): number {
    return this.#world.scheduler.now
  }

  #act(): void {
    const { client } = this
    client.tick(this.#now)
    switch (client.state) {
      case 'idle':
        if (this.#now >= this.#nextConnectAt) this.#connect()
        return
      case 'connecting':
      case 'leaving':
        return this.#giveUp()
      case 'connected':
        return this.#use()
    }
  }

  #giveUp(): void {
    if (this.#now - this.#since <= patienceMs) return
    // A CONNECT that came after those that follow it would throw their Session away.
    if (this.client.state === 'connecting') this.#connection?.reset(this.#random.around(50))
    this.#drop()
  }

  /** Closes without a word. */
  #drop(): void {
    const connection = this.#connection
    this.#connection = undefined
    connection?.close()
    this.client.connectionLost(this.#now)
    this.#stayAway()
  }

  #stayAway(): void {
    this.#nextConnectAt = this.#now + this.#random.around(this.traits.awayMs)
  }

  #connect({ isPlain = false } = {}): void {
    const connection = this.#world.open({
      received: (bytes) => {
        if (this.#connection === connection) this.client.receive(bytes, this.#now)
      },
      ended: (isOrderly) => {
        if (this.#connection !== connection) return
        this.#connection = undefined
        this.client.connectionLost(this.#now, isOrderly)
        this.#stayAway()
      },
    })
    if (connection === undefined) return this.#stayAway()
    this.#connection = connection
    this.#since = this.#now
    this.client.connect(this.#connectOptions(connection, isPlain), this.#now)
  }

  #connectOptions(connection: SimulatedConnection, isPlain: boolean): ModelConnectOptions {
    const random = this.#random
    const { version, expirySeconds, keepAliveSeconds, receiveMaximum, topicAliasMaximum } =
      this.traits
    const isLasting = expirySeconds > 0
    // Nobody can know whether an unanswered CONNECT has found a short Session, or begun a new one.
    const isDoubtful = this.#isUnanswered && (this.#isShortened || expirySeconds < longSeconds)
    this.#isUnanswered = true
    const cleanStart = isDoubtful || (!isPlain && random.chance(isLasting ? 0.06 : 0.5))
    const will = isPlain || random.chance(0.6) ? {} : { will: this.#will() }
    return {
      cleanStart: cleanStart || (version === 4 && !isLasting),
      sessionExpirySeconds: expirySeconds,
      keepAliveSeconds,
      topicAliasMaximum,
      ...(receiveMaximum === undefined ? {} : { receiveMaximum }),
      ...will,
      send: (bytes) => connection.send(bytes),
    }
  }

  #will(): ModelWill {
    const random = this.#random
    return {
      topicName: `w/${this.traits.clientIdentifier}`,
      qos: random.below(3) as QoS,
      retain: random.chance(0.3),
      delaySeconds: random.pick([0, 0, 1, 4]),
    }
  }

  #use(): void {
    const random = this.#random
    const what = random.below(100)
    if (this.client.dueCount > 0 && random.chance(0.3)) {
      return this.client.acknowledge(this.#now, 1 + random.below(20))
    }
    if (what < 60) this.#publish()
    else if (what < 66) for (let i = random.below(20); i >= 0; i--) this.#publish()
    else if (what < 80) this.#subscribe()
    else if (what < 82) this.#unsubscribe()
    else if (what < 85) this.#disconnect()
    else if (what < 87) this.#drop()
    else if (what < 88 && this.#world.mayFail('takeover')) this.#takeOver()
    else if (what < 90 && this.#world.mayFail('slow-reader')) {
      this.#connection?.stopReading(random.around(1_500))
    } else if (what < 95) this.#turnLate()
  }

  #publish(): void {
    const random = this.#random
    const qos = random.pick([0, 1, 1, 2, 2] as const)
    const kind = random.next()
    const padding = this.traits.padding
    const expires = random.chance(0.04) ? { expirySeconds: 1 + random.below(6) } : {}
    if (kind < 0.6) {
      this.client.publish(
        { topicName: random.pick(ordinaryTopics), qos, padding, ...expires },
        this.#now,
      )
    } else if (kind < 0.8) {
      this.client.publish({ topicName: random.pick(sharedTopics), qos, padding }, this.#now)
    } else {
      const isEmpty = random.chance(0.15)
      const topicName = random.pick(retainedTopics)
      this.client.publish({ topicName, qos, padding, retain: true, isEmpty, ...expires }, this.#now)
    }
  }

  #subscribe(): void {
    const random = this.#random
    const isShared = random.chance(0.35)
    const filter = random.pick(isShared ? sharedFilters : ordinaryFilters)
    const qos = isShared
      ? random.pick([1, 2, 2] as const)
      : random.pick([0, 1, 1, 2, 2, 2] as const)
    this.client.subscribe(filter, qos, this.#now)
  }

  #unsubscribe(): void {
    const filters = this.#random.chance(0.35) ? sharedFilters : ordinaryFilters
    this.client.unsubscribe(this.#random.pick(filters), this.#now)
  }

  #disconnect(): void {
    const random = this.#random
    const isVersion5 = this.traits.version === 5
    const reasonCode = isVersion5 && random.chance(0.25) ? 4 : 0
    const mayChange = isVersion5 && this.traits.expirySeconds > 0 && random.chance(0.2)
    const expiry = mayChange ? random.pick([0, 3, 7_200]) : undefined
    this.#isShortened = expiry !== undefined
    this.client.disconnect(this.#now, reasonCode, expiry)
    this.#since = this.#now
    if (random.chance(0.3)) this.#drop()
  }

  /** A new connection while the broker takes the old one for alive. */
  #takeOver(): void {
    const old = this.#connection
    this.#connection = undefined
    old?.abandon()
    this.#connect()
    if (this.client.state === 'connected') this.client.connectionLost(this.#now)
  }

  #turnLate(): void {
    this.client.isLate = !this.client.isLate
    if (!this.client.isLate) this.client.acknowledge(this.#now)
  }
}
