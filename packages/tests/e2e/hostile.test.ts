import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { encodePacket, type Packet, type ProtocolVersion } from '@busbar/protocol'
import { eventually, pause, within } from '../src/deadline.ts'
import { type EmbeddedBroker, startEmbedded } from '../src/embedded.ts'
import {
  connect,
  type HostileInput,
  hostileInputs,
  levels,
  packet,
  text,
} from '../src/hostile-input.ts'
import { heldBytes } from '../src/memory.ts'
import {
  connectPacket,
  fromHex,
  publishPacket,
  RawClient,
  subscribePacket,
} from '../src/raw-client.ts'

const config = { mqtt: { receiveMaximum: 10 } }

/** A publisher and a subscriber that have nothing to do with what goes on. */
class Bystanders implements AsyncDisposable {
  readonly #broker: EmbeddedBroker
  readonly #publisher: RawClient
  readonly #subscriber: RawClient
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
    // Two ends of two connections.
    await eventually(() => openSockets() === 4, 'the other sockets to close')
  }

  async receive(): Promise<{ topicName: string; payload: string }> {
    const { topicName, payload, packetIdentifier } = await this.#subscriber.next('publish')
    this.#subscriber.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
    await this.#subscriber.ping()
    return { topicName, payload: Buffer.from(payload).toString() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#publisher.leave()
    await this.#subscriber.leave()
  }
}

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
}

/** Sends an input on a new connection and returns what comes back, until it is closed or answered. */
async function attack(client: RawClient, input: HostileInput): Promise<string[]> {
  const { after: version, bytes, answers } = input
  if (version !== undefined) assert.equal((await client.connect()).reasonCode, 0)
  const staysOpen = answers.at(-1) === 'pingresp'
  client.sendBytes(fromHex(staysOpen ? `${bytes} c000` : bytes))
  const seen: string[] = []
  while (seen.at(-1) !== 'closed' && seen.at(-1) !== 'pingresp') {
    const answer = await client.packets.next(`an answer after ${seen.join(', ') || 'nothing'}`)
    seen.push(answer === 'closed' ? answer : describePacket(answer))
  }
  return seen
}

function describePacket(answer: Packet): string {
  const codes =
    'reasonCode' in answer ? [answer.reasonCode] : 'reasonCodes' in answer ? answer.reasonCodes : []
  return [answer.type, ...codes.map((code) => code.toString(16).padStart(2, '0'))].join(' ')
}

function versionOf({ after, bytes }: HostileInput): ProtocolVersion {
  if (after !== undefined) return after
  if (bytes.includes('4d51497364 70 03'.replace(' ', ''))) return 3
  return /4d515454 04/.test(bytes) ? 4 : 5
}

describe('hostile input', () => {
  let broker: EmbeddedBroker
  let bystanders: Bystanders
  before(async () => {
    broker = await startEmbedded(config)
    bystanders = await Bystanders.join(broker)
  })
  after(async () => {
    await bystanders[Symbol.asyncDispose]()
    await broker[Symbol.asyncDispose]()
  })

  for (const input of hostileInputs) {
    test(`${input.number}: ${input.name}`, async () => {
      for (const url of [broker.tcp, broker.ws]) {
        await using client = await RawClient.open(url, versionOf(input))
        assert.deepEqual(await attack(client, input), input.answers)
      }
      await bystanders.check()
    })
  }
})

describe('hostile input a thousand times', () => {
  let broker: EmbeddedBroker
  let bystanders: Bystanders
  before(async () => {
    broker = await startEmbedded(config)
    bystanders = await Bystanders.join(broker)
  })
  after(async () => {
    await bystanders[Symbol.asyncDispose]()
    await broker[Symbol.asyncDispose]()
  })

  const repeat = async (input: HostileInput, times: number) => {
    for (let i = 0; i < times; i++) {
      await using client = await RawClient.open(broker.broker.connectInMemory(), versionOf(input))
      assert.deepEqual(await attack(client, input), input.answers)
    }
  }

  for (const number of new Set(hostileInputs.map((input) => input.number))) {
    const inputs = hostileInputs.filter((input) => input.number === number && !input.isLarge)
    test(`${number}: ${inputs.length} inputs leave nothing behind`, async (t) => {
      const grown: number[] = []
      // What was compiled, cached and sized for the first time grows only once.
      for (let round = 0; round < 4; round++) {
        const held = await heldBytes()
        for (const input of inputs) await repeat(input, round === 0 ? 50 : 1_000)
        grown.push((await heldBytes()) - held)
        if (round > 0 && grown.at(-1) <= inputs.length * 50_000) break
      }
      t.diagnostic(`${grown} bytes more`)
      assert.ok((grown.at(-1) ?? 0) <= inputs.length * 50_000, `${grown} bytes more`)
      await bystanders.check()
    })
  }
})
