import assert from 'node:assert/strict'
import { readdirSync, readlinkSync } from 'node:fs'
import { eventually } from './deadline.ts'
import type { EmbeddedBroker } from './embedded.ts'
import { RawClient } from './raw-client.ts'

/** A publisher and a subscriber that have nothing to do with what goes on. */
export class Bystanders implements AsyncDisposable {
  readonly #broker: EmbeddedBroker
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
  /** Open when only these two were there. */
  readonly #sockets = openSockets()
  #count = 0

  private constructor(broker: EmbeddedBroker, publisher: RawClient, subscriber: RawClient) {
    this.#broker = broker
    this.#publisher = publisher
    this.#subscriber = subscriber
  }

  static async join(broker: EmbeddedBroker): Promise<Bystanders> {
    const publisher = await RawClient.open(broker.tcp)
    const subscriber = await RawClient.open(broker.ws)
    await publisher.connect({ clientIdentifier: 'bystander 1' })
    await subscriber.connect({ clientIdentifier: 'bystander 2' })
    await subscriber.subscribe('bystanders/#', 1)
    return new Bystanders(broker, publisher, subscriber)
  }

  /** They are served as ever, and nothing is left of anybody else. */
  async check(): Promise<void> {
    const payload = String(++this.#count)
    this.#publisher.publish('bystanders/talk', payload, { qos: 1, packetIdentifier: 1 })
    assert.equal((await this.#publisher.next('puback')).reasonCode, 0)
    const received = await this.receive()
    assert.deepEqual(received, { topicName: 'bystanders/talk', payload })
    await this.#subscriber.ping() // it has been acknowledged
    const { statistics } = this.#broker.broker
    await eventually(() => statistics.sessions === 2, 'the other sessions to end')
    const { clientsConnected, subscriptions, retainedMessages, queuedMessages, inFlight } =
      statistics
    assert.deepEqual(
      { clientsConnected, subscriptions, retainedMessages, queuedMessages, inFlight },
      {
        clientsConnected: 2,
        subscriptions: 1,
        retainedMessages: 0,
        queuedMessages: 0,
        inFlight: 0,
      },
    )
    await eventually(() => openSockets() === this.#sockets, 'the other sockets to close')
  }

  /** What comes next on a topic below `bystanders`. */
  async receive(): Promise<{ topicName: string; payload: string }> {
    const { topicName, payload, qos, packetIdentifier } = await this.#subscriber.next('publish')
    if (qos > 0) {
      this.#subscriber.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
    }
    return { topicName, payload: Buffer.from(payload).toString() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher.leave()
    await this.#subscriber.leave()
  }
}

/** Those of the broker in this process included, whatever it makes its calls with. */
function openSockets(): number {
  if (process.platform !== 'linux')
    return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  return readdirSync('/proc/self/fd').filter(isSocket).length
}

function isSocket(descriptor: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`).startsWith('socket:')
  } catch {
    return false // closed meanwhile
  }
}
