import {
  firstFailure,
  noProperties,
  protocolError,
  type Suback,
  type Unsuback,
  writeUnsubscribe,
} from '@busbar/protocol'
import { nameOfReasonCode } from '#platform'
import type { Connection } from './connection.ts'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError, MqttSubscribeError } from './errors.ts'
import type { Session } from './session.ts'
import { Subscription } from './subscription.ts'

/** UNSUBSCRIBE between its sending and UNSUBACK. */
export class Unsubscribing {
  readonly topicFilters: readonly string[]
  readonly answered: Deferred<void> = deferred()

  constructor(topicFilters: readonly string[]) {
    this.topicFilters = topicFilters
  }
}

/** Subscriptions that the server refuses, and those that end. */
export class Unsubscriber {
  readonly #session: Session

  constructor(session: Session) {
    this.#session = session
  }

  /** A Network Connection begins: what is not wanted any more ends at the server too. */
  connected(connection: Connection, sessionPresent: boolean): void {
    const { unwanted } = this.#session.subscriber
    if (sessionPresent) void this.#unsubscribe(connection, [...unwanted])
    else unwanted.clear()
  }

  /** SUBACK has come. */
  suback({ packetIdentifier, reasonCodes, properties: { reasonString } }: Suback): void {
    const { unanswered } = this.#session
    const subscription = unanswered.get(packetIdentifier)
    if (!(subscription instanceof Subscription)) return
    checkCount(reasonCodes, subscription.topicFilters)
    unanswered.delete(packetIdentifier)
    subscription.note(reasonCodes)
    const { results } = subscription
    const refused = results.find(({ reasonCode }) => reasonCode >= firstFailure)
    if (refused === undefined) return subscription.answered.resolve(subscription)
    const { topicFilter, reasonCode } = refused
    const which = JSON.stringify(topicFilter)
    const text = `the server refuses to subscribe to ${which}: ${nameOfReasonCode(reasonCode)}`
    const error = new MqttSubscribeError(text, results, { reasonCode, reasonString })
    subscription.end(error)
    subscription.answered.reject(error)
    const granted = results.filter((result) => result.reasonCode < firstFailure)
    void this.giveUp(
      subscription,
      granted.map((result) => result.topicFilter),
    )
  }

  /** UNSUBACK has come. */
  unsuback({ packetIdentifier, reasonCodes }: Unsuback): void {
    const { connection, unanswered, subscriber } = this.#session
    const exchange = unanswered.get(packetIdentifier)
    if (!(exchange instanceof Unsubscribing)) return
    if (connection?.version === 5) checkCount(reasonCodes, exchange.topicFilters)
    unanswered.delete(packetIdentifier)
    for (const topicFilter of exchange.topicFilters) subscriber.unwanted.delete(topicFilter)
    exchange.answered.resolve()
  }

  /** The subscription has ended. */
  leave(subscription: Subscription): void {
    subscription.answered.reject(new ClientError('closed', 'the subscription was closed'))
    void this.giveUp(subscription, subscription.topicFilters).then(() =>
      subscription.left?.resolve(),
    )
  }

  /** It is none any more; the server may have these of its Topic Filters. */
  async giveUp(subscription: Subscription, mayBeThere: readonly string[]): Promise<void> {
    const { connection, subscriber } = this.#session
    const { unwanted } = subscriber
    const orphans = this.#remove(subscription).filter((text) => mayBeThere.includes(text))
    for (const topicFilter of orphans) unwanted.add(topicFilter)
    if (connection !== undefined) await this.#unsubscribe(connection, orphans)
  }

  /** Removes it, and returns the Topic Filters that nobody has any more. */
  #remove(subscription: Subscription): string[] {
    const { subscriber } = this.#session
    if (!subscriber.byIdentifier.delete(subscription.identifier)) return []
    subscriber.revision++
    return subscription.filters.flatMap((filter) => {
      filter.members = filter.members.filter((member) => member !== subscription)
      if (filter.members.length > 0) return []
      subscriber.filters.delete(filter.text)
      return [filter.text]
    })
  }

  /** Resolves when the server has answered or is gone. */
  async #unsubscribe(connection: Connection, topicFilters: readonly string[]): Promise<void> {
    const { unanswered } = this.#session
    if (topicFilters.length === 0 || unanswered.isFull) return // sent with the next connection
    const exchange = new Unsubscribing(topicFilters)
    const packetIdentifier = unanswered.take(exchange)
    const properties = noProperties
    const packet = { type: 'unsubscribe', packetIdentifier, properties, topicFilters } as const
    if (connection.write(packet, writeUnsubscribe)) return await exchange.answered.promise
    unanswered.delete(packetIdentifier)
    if (topicFilters.length === 1) return
    // Each of them is smaller than the SUBSCRIBE that the server has taken.
    await Promise.all(
      topicFilters.map((topicFilter) => this.#unsubscribe(connection, [topicFilter])),
    )
  }
}

/** SUBACK and UNSUBACK have one Reason Code for each Topic Filter. */
function checkCount({ length }: readonly number[], topicFilters: readonly string[]): void {
  if (length !== topicFilters.length) throw protocolError('not one Reason Code for each filter')
}
