import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReasonCode } from '../reason-codes.ts'
import { Inbound } from './inbound.ts'
import { Outbound, type OutboundEntry } from './outbound.ts'

// A sender and a receiver that lose their connection, and their memory but for what is stored. The
// connection keeps the order [MQTT5-4.2.0-1]; what is under way when it is cut is lost.

type ToReceiver =
  | { type: 'publish'; id: number; qos: 1 | 2; message: number; dup: boolean }
  | { type: 'pubrel'; id: number }
type ToSender = { type: 'puback' | 'pubrec' | 'pubcomp'; id: number; reasonCode: number }

class Peers {
  readonly #receiveMaximum: number
  readonly #refuses: (message: number) => boolean
  #outbound = new Outbound<number>()
  #inbound = new Inbound()
  #toReceiver: ToReceiver[] = []
  #toSender: ToSender[] = []
  /** Acknowledgements that wait for a slow store, in the order of arrival [MQTT5-4.6.0-2]. */
  #owed: ToSender[] = []
  #sendable: [message: number, qos: 1 | 2][] = []
  readonly messages = new Map<number, 1 | 2>()
  readonly delivered: number[] = []

  constructor(receiveMaximum: number, refuses: (message: number) => boolean) {
    this.#receiveMaximum = receiveMaximum
    this.#refuses = refuses
    this.connect()
  }

  connect(): void {
    for (const { type, id, reasonCode } of this.#owed) {
      if (type === 'pubrec' && reasonCode >= 0x80) this.#inbound.refused(id)
    }
    this.#toReceiver = []
    this.#toSender = []
    this.#owed = []
    this.#inbound.connected(this.#receiveMaximum)
    this.#outbound.connected(this.#receiveMaximum)
    this.#pump()
  }

  restartSender(): void {
    const stored = [...this.#outbound.unfinished()].map((entry) => ({ ...entry }))
    this.#outbound = new Outbound()
    for (const { packetIdentifier, qos, message, state } of stored) {
      this.#outbound.restore({ packetIdentifier, qos, message, state })
    }
    this.connect()
  }

  restartReceiver(): void {
    for (const { type, id, reasonCode } of this.#owed) {
      if (type === 'pubrec' && reasonCode >= 0x80) this.#inbound.refused(id)
    }
    this.#owed = []
    const stored = [...this.#inbound.identifiers()]
    this.#inbound = new Inbound()
    for (const identifier of stored) this.#inbound.restore(identifier)
    this.connect()
  }

  send(qos: 1 | 2): void {
    const message = this.messages.size
    this.messages.set(message, qos)
    this.#sendable.push([message, qos])
    this.#pump()
  }

  /** One packet arrives at the receiver. */
  receive(): void {
    const packet = this.#toReceiver.shift()
    if (packet?.type === 'pubrel') {
      const reasonCode = this.#inbound.pubrel(packet.id) ? 0 : ReasonCode.PacketIdentifierNotFound
      this.#toSender.push({ type: 'pubcomp', id: packet.id, reasonCode })
    } else if (packet !== undefined) {
      this.#receivePublish(packet)
    }
  }

  /** The receiver sends the acknowledgement it has owed longest. */
  acknowledge(): void {
    const packet = this.#owed.shift()
    if (packet === undefined) return
    this.#toSender.push(packet)
    if (packet.type === 'puback') this.#inbound.acknowledged(packet.id)
    else if (packet.reasonCode >= 0x80) this.#inbound.refused(packet.id)
  }

  /** One packet arrives at the sender. */
  returned(): void {
    const packet = this.#toSender.shift()
    if (packet?.type === 'puback') {
      assert.equal(this.#outbound.puback(packet.id)?.packetIdentifier, packet.id)
    } else if (packet?.type === 'pubrec') {
      const { outcome } = this.#outbound.pubrec(packet.id, packet.reasonCode)
      assert.equal(outcome, packet.reasonCode >= 0x80 ? 'finished' : 'release')
      if (outcome === 'release') this.#toReceiver.push({ type: 'pubrel', id: packet.id })
    } else if (packet?.type === 'pubcomp') {
      assert.equal(this.#outbound.pubcomp(packet.id)?.packetIdentifier, packet.id)
    }
    this.#pump()
  }

  /** Lets everything that is under way arrive. */
  settle(): void {
    while (this.#toReceiver.length + this.#owed.length + this.#toSender.length > 0) {
      this.receive()
      this.acknowledge()
      this.returned()
    }
    assert.equal(this.#sendable.length, 0)
    assert.equal(this.#outbound.size, 0)
    assert.equal(this.#outbound.isResending, false)
    assert.equal(this.#inbound.size, 0)
    assert.equal(this.#outbound.hasRoom, true)
  }

  #receivePublish({ id, qos, message }: ToReceiver & { type: 'publish' }): void {
    const outcome = this.#inbound.publish(id, qos)
    assert.notEqual(outcome, 'in-use')
    const isRefused = outcome === 'new' && this.#refuses(message)
    const reasonCode = isRefused ? ReasonCode.QuotaExceeded : 0
    if (outcome === 'new' && !isRefused) this.delivered.push(message)
    this.#owed.push({ type: qos === 1 ? 'puback' : 'pubrec', id, reasonCode })
  }

  #pump(): void {
    for (;;) {
      const entry = this.#outbound.nextResend()
      if (entry === undefined) break
      this.#transmit(entry, true)
    }
    while (this.#outbound.hasRoom) {
      const next = this.#sendable.shift()
      if (next === undefined) break
      this.#transmit(this.#outbound.publish(...next), false)
    }
  }

  #transmit(entry: OutboundEntry<number>, dup: boolean): void {
    const { packetIdentifier: id, qos, message } = entry
    if (entry.state === 'released') this.#toReceiver.push({ type: 'pubrel', id })
    else this.#toReceiver.push({ type: 'publish', id, qos, message, dup })
  }
}

type Step = 'send1' | 'send2' | 'receive' | 'acknowledge' | 'returned' | 'cut' | 'crash1' | 'crash2'

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom<Step>('send1', 'send2') },
  { weight: 60, arbitrary: fc.constantFrom<Step>('receive', 'acknowledge', 'returned') },
  { weight: 6, arbitrary: fc.constantFrom<Step>('cut', 'crash1', 'crash2') },
)

function take(peers: Peers, next: Step): void {
  if (next === 'send1') peers.send(1)
  else if (next === 'send2') peers.send(2)
  else if (next === 'cut') peers.connect()
  else if (next === 'crash1') peers.restartSender()
  else if (next === 'crash2') peers.restartReceiver()
  else peers[next]()
}

function firstTimes(messages: readonly number[]): number[] {
  return [...new Set(messages)]
}

test('QoS 2 is delivered exactly once, QoS 1 at least once, each in order [MQTT5-4.6.0-5]', () => {
  const steps = fc.array(step, { maxLength: 400, size: 'max' })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(7), steps, (maximum, refusal, history) => {
      const refuses = (message: number): boolean => refusal > 1 && message % refusal === 1
      const peers = new Peers(maximum, refuses)
      for (const next of history) take(peers, next)
      peers.settle()
      peers.connect()
      peers.settle()
      const accepted = [...peers.messages].filter(([message]) => !refuses(message))
      for (const qos of [1, 2]) {
        const expected = accepted.filter(([, of]) => of === qos).map(([message]) => message)
        const delivered = peers.delivered.filter((message) => peers.messages.get(message) === qos)
        assert.deepEqual(qos === 2 ? delivered : firstTimes(delivered), expected)
      }
    }),
    { numRuns: 1_000 },
  )
})
