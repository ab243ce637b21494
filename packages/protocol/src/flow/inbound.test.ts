import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '../reason-codes.ts'
import { Inbound } from './inbound.ts'

const overrun = { reasonCode: ReasonCode.ReceiveMaximumExceeded, statement: 'MQTT5-3.3.4-7' }

function connected(receiveMaximum: number): Inbound {
  const inbound = new Inbound()
  inbound.connected(receiveMaximum)
  return inbound
}

test('a QoS 2 identifier is held until PUBREL [MQTT5-4.3.3-10] [MQTT5-4.3.3-12]', () => {
  const inbound = connected(5)
  assert.equal(inbound.publish(5, 2), 'new')
  assert.equal(inbound.has(5), true)
  assert.equal(inbound.publish(5, 2), 'repeated')
  assert.equal(inbound.pubrel(5), true)
  assert.equal(inbound.has(5), false)
  assert.equal(inbound.pubrel(5), false)
  assert.equal(inbound.publish(5, 2), 'new')
})

test('a refused QoS 2 identifier means a new message [MQTT5-4.3.3-9]', () => {
  const inbound = connected(1)
  assert.equal(inbound.publish(5, 2), 'new')
  inbound.refused(5)
  assert.equal(inbound.publish(5, 2), 'new')
})

test('held identifiers belong to the Session [MQTT5-4.3.3-10]', () => {
  const inbound = connected(5)
  inbound.publish(5, 2)
  inbound.publish(6, 2)
  inbound.publish(7, 1)
  const restored = new Inbound()
  for (const identifier of inbound.identifiers()) restored.restore(identifier)
  for (const session of [inbound, restored]) {
    session.connected(5)
    assert.deepEqual([...session.identifiers()], [5, 6])
    assert.equal(session.size, 2)
    assert.equal(session.publish(5, 2), 'repeated')
    assert.equal(session.publish(7, 1), 'new')
    assert.equal(session.pubrel(6), true)
  }
})

test('after PUBACK an identifier means a new message [MQTT5-4.3.2-5]', () => {
  const inbound = connected(1)
  assert.equal(inbound.publish(5, 1), 'new')
  inbound.acknowledged(5)
  assert.equal(inbound.publish(5, 1), 'new')
  assert.equal(inbound.size, 0)
})

test('before PUBACK a QoS 1 identifier counts each time it comes [MQTT5-4.3.2-4]', () => {
  const inbound = connected(2)
  assert.equal(inbound.publish(5, 1), 'new')
  assert.equal(inbound.publish(5, 1), 'new')
  assert.throws(() => inbound.publish(5, 1), overrun)
  inbound.acknowledged(5)
  assert.equal(inbound.publish(6, 1), 'new')
  assert.throws(() => inbound.publish(7, 1), overrun)
  inbound.acknowledged(5)
  inbound.acknowledged(5)
  assert.equal(inbound.publish(7, 1), 'new')
  assert.throws(() => inbound.publish(8, 1), overrun)
})

test('an identifier serves one exchange at a time, whatever its QoS [MQTT5-2.2.1-3]', () => {
  const inbound = connected(2)
  inbound.publish(5, 2)
  inbound.publish(6, 1)
  assert.equal(inbound.publish(5, 1), 'in-use')
  assert.equal(inbound.publish(6, 2), 'in-use')
  // Answering those two leaves the exchanges as they are.
  inbound.acknowledged(5)
  inbound.refused(6)
  assert.equal(inbound.has(5), true)
  assert.equal(inbound.has(6), false)
  assert.throws(() => inbound.publish(7, 2), overrun)
  inbound.acknowledged(6)
  assert.equal(inbound.publish(6, 2), 'new')
  assert.throws(() => inbound.publish(7, 1), overrun)
})

const fillings = [
  ['QoS 1', (inbound: Inbound, id: number) => inbound.publish(id, 1)],
  ['QoS 2', (inbound: Inbound, id: number) => inbound.publish(id, 2)],
  ['both', (inbound: Inbound, id: number) => inbound.publish(id, id % 2 === 0 ? 2 : 1)],
] as const

for (const [name, publish] of fillings) {
  test(`more than Receive Maximum of ${name} are refused [MQTT5-3.3.4-7] [U5-3.3.4-c]`, () => {
    const inbound = connected(3)
    for (const id of [1, 2, 3]) publish(inbound, id)
    assert.throws(() => publish(inbound, 4), overrun)
    inbound.connected(3)
    for (const id of [4, 5, 6]) publish(inbound, id)
    assert.throws(() => publish(inbound, 7), overrun)
  })
}

const openings = [
  ['PUBACK', 1, (inbound: Inbound) => inbound.acknowledged(1)],
  ['PUBREC 0x80', 2, (inbound: Inbound) => inbound.refused(1)],
  ['PUBREL', 2, (inbound: Inbound) => inbound.pubrel(1)],
] as const

for (const [name, qos, open] of openings) {
  test(`${name} opens the window by one [U5-4.9-a]`, () => {
    const inbound = connected(2)
    inbound.publish(1, qos)
    inbound.publish(2, 1)
    open(inbound)
    inbound.publish(3, 2)
    assert.throws(() => inbound.publish(4, 1), overrun)
  })
}

test('a repeated QoS 2 PUBLISH counts once [MQTT5-4.9.0-2]', () => {
  const inbound = connected(2)
  inbound.publish(1, 2)
  inbound.publish(1, 2)
  inbound.publish(2, 2)
  inbound.publish(1, 2)
  inbound.connected(2)
  assert.equal(inbound.publish(1, 2), 'repeated')
  assert.equal(inbound.publish(1, 2), 'repeated')
  assert.equal(inbound.publish(3, 2), 'new')
  assert.throws(() => inbound.publish(2, 2), overrun)
})

test('a sender may be ahead by the PUBRELs it sent again [U5-4.9-a]', () => {
  const inbound = connected(2)
  inbound.publish(1, 2)
  inbound.publish(2, 2)
  inbound.connected(2)
  for (const id of [3, 4]) inbound.publish(id, 2)
  assert.equal(inbound.pubrel(1), true)
  assert.equal(inbound.pubrel(9), false, 'its PUBCOMP was lost')
  for (const id of [5, 6]) inbound.publish(id, 2)
  assert.throws(() => inbound.publish(7, 2), overrun)
  for (let times = 0; times < 5; times++) inbound.pubrel(9)
  assert.throws(() => inbound.publish(7, 2), overrun, 'by Receive Maximum at most')
  inbound.connected(2)
  for (const id of [7, 8]) inbound.publish(id, 2)
  assert.throws(() => inbound.publish(9, 2), overrun, 'on this Network Connection only')
})
