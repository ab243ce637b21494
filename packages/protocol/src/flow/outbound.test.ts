import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../reason-codes.ts'
import { Outbound } from './outbound.ts'
import { PacketIdentifiers } from './packet-identifiers.ts'

function connected(receiveMaximum: number): Outbound<string> {
  const outbound = new Outbound<string>()
  outbound.connected(receiveMaximum)
  return outbound
}

/** What is sent again now, as letters: PUBLISH in lower case, PUBREL in upper case. */
function resends(outbound: Outbound<string>): string {
  let sent = ''
  for (;;) {
    const entry = outbound.nextResend()
    if (entry === undefined) return sent
    sent += entry.state === 'published' ? entry.message : entry.message.toUpperCase()
  }
}

function unfinished(outbound: Outbound<string>): string {
  return [...outbound.unfinished()].map((entry) => entry.message).join('')
}

test('nothing leaves before a Network Connection is there', () => {
  const outbound = new Outbound<string>()
  assert.equal(outbound.hasRoom, false)
  assert.equal(outbound.nextResend(), undefined)
  assert.throws(() => outbound.publish('a', 1))
})

test('each message has its own identifier [MQTT5-4.3.2-1] [MQTT5-4.3.3-1]', () => {
  const outbound = connected(10)
  const entries = [outbound.publish('a', 1), outbound.publish('b', 2), outbound.publish('c', 1)]
  assert.equal(new Set(entries.map((entry) => entry.packetIdentifier)).size, 3)
  assert.deepEqual(
    entries.map((entry) => [entry.qos, entry.message, entry.state]),
    [
      [1, 'a', 'published'],
      [2, 'b', 'published'],
      [1, 'c', 'published'],
    ],
  )
})

test('a client shares its identifiers with SUBSCRIBE [MQTT5-2.2.1-3] [U5-2.2.1-a]', () => {
  const identifiers = new PacketIdentifiers()
  const outbound = new Outbound<string>(identifiers)
  outbound.connected(10)
  const subscribe = identifiers.take()
  const { packetIdentifier } = outbound.publish('a', 1)
  assert.notEqual(packetIdentifier, subscribe)
  assert.equal(identifiers.has(packetIdentifier), true)
  outbound.puback(packetIdentifier)
  assert.equal(identifiers.has(packetIdentifier), false)
  while (!identifiers.isFull) identifiers.take()
  assert.equal(outbound.hasRoom, false)
})

const endings = [
  ['PUBACK', 1, (o: Outbound<string>, id: number) => o.puback(id)],
  ['PUBREC 0x80', 2, (o: Outbound<string>, id: number) => o.pubrec(id, 0x80).entry],
  [
    'PUBREC and PUBCOMP',
    2,
    (o: Outbound<string>, id: number) => {
      o.pubrec(id, ReasonCode.NoMatchingSubscribers)
      return o.pubcomp(id)
    },
  ],
  [
    'PUBREC and PUBREC 0x80',
    2,
    (o: Outbound<string>, id: number) => {
      o.pubrec(id, 0)
      return o.pubrec(id, ReasonCode.UnspecifiedError).entry
    },
  ],
  ['being discarded', 2, (o: Outbound<string>, id: number) => o.discard(id)],
] as const

for (const [name, qos, end] of endings) {
  test(`${name} ends an exchange and gives its quota back [MQTT5-4.9.0-2] [U5-4.9-a]`, () => {
    const outbound = connected(2)
    const first = outbound.publish('a', qos)
    outbound.publish('b', qos)
    assert.equal(outbound.hasRoom, false)
    assert.throws(() => outbound.publish('c', qos))
    assert.equal(end(outbound, first.packetIdentifier), first)
    assert.equal(outbound.hasRoom, true)
    assert.equal(end(outbound, first.packetIdentifier), undefined)
    assert.equal(unfinished(outbound), 'b')
    outbound.publish('c', qos)
    assert.equal(outbound.hasRoom, false)
    outbound.connected(2)
    assert.equal(resends(outbound), 'bc') // [MQTT5-4.4.0-2]
  })
}

test('a PUBREC alone opens nothing [MQTT5-3.3.4-9]', () => {
  const outbound = connected(1)
  const entry = outbound.publish('a', 2)
  assert.deepEqual(outbound.pubrec(entry.packetIdentifier, 0), { outcome: 'release', entry })
  assert.equal(entry.state, 'released')
  assert.equal(outbound.hasRoom, false)
})

test('a PUBREC that comes again is answered again [MQTT5-4.3.3-4]', () => {
  const outbound = connected(5)
  const { packetIdentifier } = outbound.publish('a', 2)
  assert.equal(outbound.pubrec(packetIdentifier, 0).outcome, 'release')
  assert.equal(outbound.pubrec(packetIdentifier, 0).outcome, 'release')
  assert.equal(outbound.size, 1)
})

test('acknowledgements of the wrong kind change nothing', () => {
  const outbound = connected(2)
  const one = outbound.publish('a', 1).packetIdentifier
  const two = outbound.publish('b', 2).packetIdentifier
  assert.deepEqual(outbound.pubrec(one, 0), { outcome: 'unknown' })
  assert.deepEqual(outbound.pubrec(one, 0x80), { outcome: 'unknown' })
  assert.deepEqual(outbound.pubrec(9, 0), { outcome: 'unknown' })
  assert.equal(outbound.pubcomp(one), undefined)
  assert.equal(outbound.pubcomp(two), undefined, 'PUBCOMP before PUBREC')
  assert.equal(outbound.puback(two), undefined)
  assert.equal(outbound.puback(9), undefined)
  assert.equal(outbound.discard(9), undefined)
  assert.equal(outbound.hasRoom, false)
  assert.equal(unfinished(outbound), 'ab')
})

test('a resumed Session sends everything again, in order [MQTT5-4.4.0-1] [MQTT5-4.6.0-1]', () => {
  const outbound = connected(10)
  const ids = [...'abcd'].map((m, at) => outbound.publish(m, at === 2 ? 1 : 2).packetIdentifier)
  assert.equal(outbound.nextResend(), undefined, 'nothing while the connection lasts')
  outbound.pubrec(ids[1] ?? 0, 0)
  outbound.connected(10)
  assert.equal(outbound.isResending, true)
  assert.equal(outbound.hasRoom, false, 'before new messages')
  assert.equal(resends(outbound), 'aBcd') // PUBLISH never after PUBREL [MQTT5-4.3.3-6]
  assert.deepEqual(
    [...outbound.unfinished()].map((entry) => entry.packetIdentifier),
    ids,
  )
  assert.equal(outbound.isResending, false)
  assert.equal(outbound.hasRoom, true)
  assert.equal(resends(outbound), '', 'once for each connection')
})

test('what is sent again takes quota, but PUBREL does not [MQTT5-4.9.0-2]', () => {
  const outbound = connected(10)
  const ids = [...'abcd'].map((m) => outbound.publish(m, 2).packetIdentifier)
  const [a, b, c, d] = ids as [number, number, number, number]
  outbound.pubrec(a, 0)
  outbound.connected(2)
  assert.equal(resends(outbound), 'Abc')
  assert.equal(outbound.isResending, true)
  outbound.pubcomp(a)
  assert.equal(resends(outbound), '', 'it gave back what it had not taken') // U5-4.9-a
  outbound.pubrec(b, 0)
  assert.equal(resends(outbound), '')
  outbound.pubcomp(b)
  assert.equal(resends(outbound), 'd')
  assert.equal(outbound.isResending, false)
  assert.equal(outbound.hasRoom, false)
  outbound.pubrec(c, 0x80)
  assert.equal(outbound.hasRoom, true)
  outbound.pubrec(d, 0x80)
  outbound.publish('e', 1)
  outbound.publish('f', 1)
  assert.equal(outbound.hasRoom, false, 'never above its start value') // U5-4.9-a
})

test('the quota of an earlier Network Connection is not given back [U5-4.9-a]', () => {
  const outbound = connected(5)
  const a = outbound.publish('a', 1).packetIdentifier
  const b = outbound.publish('b', 2).packetIdentifier
  outbound.connected(1)
  outbound.puback(a)
  assert.equal(outbound.pubrec(b, 0).outcome, 'release')
  assert.equal(outbound.isResending, false, 'the PUBREL that answers need not be sent again')
  outbound.pubcomp(b)
  outbound.publish('c', 1)
  assert.equal(outbound.hasRoom, false)
})

test('a PUBREC that comes before the PUBLISH is sent again needs PUBREL once [MQTT5-4.4.0-1]', () => {
  const outbound = connected(5)
  outbound.publish('a', 2)
  const { packetIdentifier } = outbound.publish('b', 2)
  outbound.connected(5)
  assert.equal(outbound.pubrec(packetIdentifier, 0).outcome, 'release')
  assert.equal(resends(outbound), 'a')
})

test('an exchange that ends before its turn is not sent again [MQTT5-4.4.0-2]', () => {
  const outbound = connected(5)
  const ids = [...'abc'].map((m) => outbound.publish(m, 1).packetIdentifier)
  outbound.connected(1)
  assert.equal(outbound.nextResend()?.message, 'a')
  outbound.puback(ids[1] ?? 0)
  outbound.puback(ids[0] ?? 0)
  assert.equal(resends(outbound), 'c')
})

test('a Network Connection can end while things are sent again [MQTT5-4.6.0-1]', () => {
  const outbound = connected(5)
  for (const message of 'abc') outbound.publish(message, 1)
  outbound.connected(2)
  assert.equal(resends(outbound), 'ab')
  outbound.connected(5)
  assert.equal(resends(outbound), 'abc')
})

test('a restored Session goes on with its identifiers and states [MQTT5-4.4.0-1]', () => {
  const outbound = new Outbound<string>()
  outbound.restore({ packetIdentifier: 7, qos: 2, message: 'a', state: 'released' })
  outbound.restore({ packetIdentifier: 3, qos: 1, message: 'b', state: 'published' })
  outbound.connected(5)
  assert.equal(outbound.size, 2)
  assert.equal(resends(outbound), 'Ab')
  assert.equal(outbound.publish('c', 1).packetIdentifier, 4)
  assert.equal(outbound.pubcomp(7)?.message, 'a')
  assert.equal(outbound.puback(3)?.message, 'b')
})
