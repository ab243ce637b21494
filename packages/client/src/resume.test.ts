import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from '@busbar/protocol'
import { connect } from './connect.ts'
import { ack, connack, type PeerConnection, ScriptedPeer, textOf } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'

const roundTripMs = 50
const count = 10_000

/** A server a round trip away, which never has more unacknowledged than it has announced. */
class DistantServer {
  readonly peer = new ScriptedPeer()
  receiveMaximum: number
  answersPublish = false
  readonly payloads: number[] = []
  readonly dups: number[] = []
  #outstanding = 0
  most = 0
  lastAnswerAt = 0
  readonly #clock: VirtualClock
  #answers: Packet[] = []

  constructor(clock: VirtualClock, receiveMaximum: number) {
    this.#clock = clock
    this.receiveMaximum = receiveMaximum
    this.peer.onPacket = (packet, connection) => this.#receive(packet, connection)
  }

  #receive(packet: Packet, connection: PeerConnection): void {
    if (packet.type === 'connect') {
      const properties = { receiveMaximum: this.receiveMaximum }
      const sessionPresent = !packet.cleanStart
      return this.#answer(connack({ sessionPresent, properties }), connection)
    }
    if (packet.type !== 'publish' || !this.answersPublish) return
    this.payloads.push(Number(textOf(packet.payload)))
    if (packet.dup) this.dups.push(this.payloads.length - 1)
    this.#outstanding++
    this.most = Math.max(this.most, this.#outstanding)
    this.#answer(ack('puback', packet.packetIdentifier), connection)
  }

  /** What comes in one turn is answered in one piece, half a round trip there and half one back. */
  #answer(packet: Packet, connection: PeerConnection): void {
    this.#answers.push(packet)
    if (this.#answers.length > 1) return
    this.#clock.set(() => {
      const answers = this.#answers
      this.#answers = []
      if (answers[0]?.type === 'puback') this.#outstanding -= answers.length
      this.lastAnswerAt = this.#clock.now()
      connection.send(...answers)
    }, roundTripMs)
  }
}

for (const [before, after] of [
  [1_000, 100],
  [100, 1_000],
  [65_535, 500],
  [20, 20],
] as const) {
  test(`10,000 QoS 1, ${Math.min(before, count)} of them unacknowledged, resumed with Receive Maximum ${after}: a round trip for each window`, async () => {
    const clock = new VirtualClock()
    const server = new DistantServer(clock, before)
    // The longest of all first delays.
    const options = { clientId: 'c', clock, random: () => 1, keepAlive: 0 }
    const connecting = connect(server.peer.target, options)
    await clock.pass(roundTripMs)
    const client = await connecting
    const all = Array.from({ length: count }, (_, n) => client.publish('t', `${n}`, { qos: 1 }))
    await settle()
    const unacknowledged = Math.min(before, count)
    assert.equal(client.stats.inflight, unacknowledged)
    assert.equal(client.stats.outboxMessages, count)
    server.receiveMaximum = after
    server.answersPublish = true
    const cutAt = clock.now()
    server.peer.last.cut()
    const allowedMs = Math.ceil(count / after) * roundTripMs + 1_000
    await clock.pass(allowedMs)
    assert.equal(client.stats.acknowledged, count)
    assert.ok(server.lastAnswerAt - cutAt <= allowedMs)
    await Promise.all(all)
    // In order, each once, with DUP what was sent before, and the whole window from the start.
    assert.deepEqual(server.payloads, [...Array(count).keys()])
    assert.deepEqual(server.dups, [...Array(unacknowledged).keys()])
    assert.equal(server.most, after)
    await client.close()
  })
}
