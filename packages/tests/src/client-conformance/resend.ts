import assert from 'node:assert/strict'
import { puback, pubcomp, publish, pubrec, pubrel } from '@busbar/conformance/bytes'
import type { ClientCase } from './case.ts'
import { ignore, isDup, qosOf, textOf } from './send.ts'

const both = [5, 4] as const
// In 3.1.1 there is a Session to come back to only after Clean Session 0.
const comesAgain = {
  reconnect: { minMs: 1 },
  session: { expirySeconds: 300, cleanStart: false },
}

const inOrder: ClientCase = {
  id: 'resend/order',
  title: 'a resumed Session sends what is unacknowledged again: same order and identifiers, DUP 1',
  statements: [
    ...['MQTT5-3.1.2-23', 'MQTT5-3.3.1-1', 'MQTT5-4.1.0-1', 'MQTT5-4.4.0-1', 'MQTT5-4.6.0-1'],
    ...['MQTT3-2.3.1-3', 'MQTT3-3.1.2-4', 'MQTT3-3.3.1-1', 'MQTT3-4.1.0-1', 'MQTT3-4.1.0-2'],
    ...['MQTT3-4.4.0-1', 'MQTT3-4.6.0-1'],
  ],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect(comesAgain)
    for (const n of [0, 1, 2, 3, 4])
      ignore(client.publish('t', `${n}`, { qos: n % 2 === 0 ? 1 : 2 }))
    const sent = await peer.expectMany('publish', 5)
    peer.send(puback(sent[2]?.packetId ?? 0))
    await peer.quiet() // nothing is sent again while the connection lasts
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    const again = await next.expectMany('publish', 4)
    await next.quiet()
    assert.ok(again.every(isDup))
    const shown = (packets: typeof sent) =>
      packets.map((packet) => [textOf(packet), packet.packetId, qosOf(packet)])
    assert.deepEqual(shown(again), shown(sent.filter((_, n) => n !== 2)))
  },
}

const released: ClientCase = {
  id: 'resend/released',
  title: 'after PUBREC only PUBREL is sent again, never the PUBLISH',
  statements: ['MQTT5-4.3.3-5', 'MQTT5-4.3.3-6', 'MQTT5-4.4.0-1', 'MQTT3-4.3.3-1', 'MQTT3-4.4.0-1'],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect(comesAgain)
    const calls = ['a', 'b'].map((text) => client.publish('t', text, { qos: 2 }))
    const sent = await peer.expectMany('publish', 2)
    const ids = sent.map(({ packetId }) => packetId)
    peer.send(...ids.map((packetId) => pubrec(packetId)))
    await peer.expectMany('pubrel', 2)
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    const again = await next.expectMany('pubrel', 2)
    assert.deepEqual(
      again.map(({ packetId }) => packetId),
      ids,
    )
    await next.quiet()
    next.send(...ids.map((packetId) => pubcomp(packetId)))
    await Promise.all(calls)
  },
}

const notReused: ClientCase = {
  id: 'resend/identifiers-stay-taken',
  title: 'a new message takes no identifier of an unfinished one, over connections too',
  statements: ['MQTT5-2.2.1-3', 'MQTT5-4.3.2-1', 'MQTT5-4.3.3-1', 'MQTT3-2.3.1-2'],
  versions: both,
  async run(trial) {
    const { client, peer } = await trial.connect(comesAgain)
    ignore(client.publish('t', 'old', { qos: 1 }), client.publish('t', 'old', { qos: 2 }))
    await peer.expectMany('publish', 2)
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    await next.expectMany('publish', 2)
    ignore(client.publish('t', 'new', { qos: 1 }))
    const { packetId, firstByte } = await next.expect('publish')
    assert.ok(packetId > 2)
    assert.equal(firstByte & 8, 0)
  },
}

const notExpired: ClientCase = {
  id: 'resend/expiry',
  title: 'the Message Expiry Interval ends no message that was sent once',
  statements: ['MQTT5-4.3.3-7'],
  versions: [5],
  async run(trial) {
    const clock = trial.clock()
    const { client, peer } = await trial.connect({ clock })
    const properties = { messageExpiryInterval: 1 }
    const call = client.publish('t', 'x', { qos: 2, properties })
    const { packetId } = await peer.expect('publish')
    clock.pass(10_000)
    peer.send(pubrec(packetId))
    assert.equal((await peer.expect('pubrel')).packetId, packetId)
    clock.pass(10_000)
    peer.send(pubcomp(packetId))
    assert.equal((await call).stage, 'pubcomp')
  },
}

const receiver: ClientCase = {
  id: 'resend/as-receiver',
  title: 'what had come with QoS 2 before is not delivered again in the resumed Session',
  statements: ['MQTT5-3.1.2-23', 'MQTT5-4.1.0-1', 'MQTT3-3.1.2-4', 'MQTT3-4.1.0-1'],
  versions: both,
  async run(trial) {
    const { version } = trial
    const { peer, subscription } = await trial.subscribe(comesAgain)
    const message = (payload: string, packetId: number, dup: boolean) =>
      publish({ version, topic: 'a', payload, qos: 2, packetId, dup })
    peer.send(message('one', 1, false))
    ;(await subscription.next()).value?.ack()
    await peer.expect('pubrec')
    peer.cut()
    const next = await trial.reconnect({ sessionPresent: true })
    next.send(message('one', 1, true))
    assert.equal((await next.expect('pubrec')).packetId, 1)
    next.send(pubrel(1))
    await next.expect('pubcomp')
    next.send(message('two', 2, false))
    assert.equal((await subscription.next()).value?.text(), 'two')
    await next.quiet() // the subscription is of the Session: no SUBSCRIBE
  },
}

const cleanBegin: ClientCase = {
  id: 'resend/begun-clean',
  title: 'a Session that Clean Start began is resumed like any other',
  statements: ['U5-4.4-a'],
  versions: [5],
  async run(trial) {
    const client = trial.start({ ...comesAgain, session: { cleanStart: true } })
    const first = await trial.server.accept()
    const begin = await first.expect('connect')
    assert.equal((begin.connect?.flags ?? 0) & 2, 2)
    first.send(Uint8Array.of(0x20, 3, 0, 0, 0))
    ignore(client.publish('t', 'x', { qos: 1 }))
    await first.expect('publish')
    first.cut()
    const next = await trial.server.accept()
    assert.equal(((await next.expect('connect')).connect?.flags ?? 0) & 2, 0)
    next.send(Uint8Array.of(0x20, 3, 1, 0, 0))
    assert.ok(isDup(await next.expect('publish')))
  },
}

export const resendCases: readonly ClientCase[] = [
  ...[inOrder, released, notReused, notExpired, receiver, cleanBegin],
]
