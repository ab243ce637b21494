import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, Framer, type Packet, type Publish, readPacket } from '@busbar/protocol'
import type { LogEvent } from './log.ts'
import { ModelClient } from './model-client.ts'
import { readPayload, writePayload } from './payload.ts'

/** A client with a broker that the test plays. */
function start(version: 4 | 5 = 5) {
  const events: LogEvent[] = []
  const log = (event: LogEvent) => events.push(event)
  const client = new ModelClient({ clientIdentifier: 'c', version, run: 'r', log })
  let sent: Packet[] = []
  const framer = new Framer(100_000)
  const send = (bytes: Uint8Array) => {
    framer.push(bytes)
    while (framer.advance()) {
      sent.push(structuredClone(readPacket(framer.firstByte, framer.body(), version, 'client')))
    }
  }
  const say = (...packets: Packet[]) => {
    for (const packet of packets) client.receive(encodePacket(packet, version), 1)
  }
  return {
    client,
    events,
    say,
    take: () => sent.splice(0).map(short),
    faults: () => events.flatMap((event) => (event.event === 'fault' ? [event.text] : [])),
    connect(sessionPresent: boolean, options: { cleanStart?: boolean; expiry?: number } = {}) {
      const { cleanStart = false, expiry = 100 } = options
      client.connect({ cleanStart, sessionExpirySeconds: expiry, send }, 1)
      const connect = sent.find(({ type }) => type === 'connect')
      sent = []
      say({ type: 'connack', sessionPresent, reasonCode: 0, properties: {} })
      return connect?.type === 'connect' ? connect.cleanStart : undefined
    },
  }
}

const short = (packet: Packet) => {
  if (packet.type !== 'publish') {
    return 'packetIdentifier' in packet ? `${packet.type} ${packet.packetIdentifier}` : packet.type
  }
  const { qos, dup, packetIdentifier, payload } = packet
  return `publish ${packetIdentifier} qos ${qos}${dup ? ' dup' : ''} ${readPayload(payload)?.message}`
}

const ack = (type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp', packetIdentifier: number) => {
  return { type, packetIdentifier, reasonCode: 0, properties: {} } as const
}

function publish(message: string, fields: Partial<Publish>): Publish {
  return {
    ...{ type: 'publish', dup: false, qos: 1, retain: false, topicName: 't', packetIdentifier: 1 },
    ...{ properties: {}, payload: writePayload('r', message, 3), ...fields },
  }
}

for (const version of [4, 5] as const) {
  test(`resumes a Session of ${version === 5 ? '5.0' : '3.1.1'}: DUP, and PUBREL for what was released`, () => {
    const { client, connect, say, take, faults, events } = start(version)
    connect(false)
    for (const qos of [1, 2, 2] as const) client.publish({ topicName: 't', qos }, 2)
    assert.deepEqual(take(), ['publish 1 qos 1 c:1', 'publish 2 qos 2 c:2', 'publish 3 qos 2 c:3'])
    say(ack('pubrec', 2))
    assert.deepEqual(take(), ['pubrel 2'])
    client.connectionLost(3)
    connect(true)
    assert.deepEqual(take(), ['publish 1 qos 1 dup c:1', 'pubrel 2', 'publish 3 qos 2 dup c:3'])
    say(ack('puback', 1), ack('pubcomp', 2), ack('pubrec', 3), ack('pubcomp', 3))
    assert.ok(!client.isUnfinished)
    assert.deepEqual(faults(), [])
    const acked = events.flatMap((event) => (event.event === 'acked' ? [event.message] : []))
    assert.deepEqual(acked, ['c:2', 'c:1', 'c:3'])
  })
}

test('drops its state when the broker has no Session', () => {
  const { client, connect, say, take } = start()
  connect(false)
  client.publish({ topicName: 't', qos: 2 }, 2)
  say(publish('x:1', { qos: 2, packetIdentifier: 9 }))
  client.connectionLost(3)
  take()
  connect(false)
  assert.deepEqual(take(), [])
  assert.ok(!client.isUnfinished)
})

test('starts clean until CONNACK where the broker may have a Session that it has ended', () => {
  const { client, connect } = start()
  connect(false)
  client.disconnect(2, 0, 0)
  client.connectionLost(3)
  client.connect({ cleanStart: false, sessionExpirySeconds: 100, send: () => {} }, 4)
  client.connectionLost(5)
  assert.equal(connect(false), true)
  client.connectionLost(6)
  assert.equal(connect(true), false)
})

test('hands a QoS 2 message over once, and finds a resend without DUP', () => {
  const { client, connect, say, take, events, faults } = start()
  connect(false)
  const message = publish('x:1', { qos: 2, packetIdentifier: 7 })
  say(message)
  client.connectionLost(3)
  connect(true)
  say({ ...message, dup: true })
  assert.deepEqual(take(), ['pubrec 7'])
  assert.deepEqual(faults(), [])
  say(message, publish('x:2', { qos: 2, packetIdentifier: 7, dup: true }))
  assert.deepEqual(faults(), [
    'x:1 is sent again without DUP [MQTT5-3.3.1-1]',
    'identifier 7 of x:1 brings x:2',
  ])
  assert.equal(events.filter(({ event }) => event === 'received').length, 1)
  say(ack('pubrel', 7), message)
  assert.equal(events.filter(({ event }) => event === 'received').length, 2)
})

test('acknowledges late, and in order', () => {
  const { client, connect, say, take } = start()
  connect(false)
  client.isLate = true
  say(publish('x:1', { packetIdentifier: 1 }), publish('x:2', { qos: 2, packetIdentifier: 2 }))
  assert.deepEqual(take(), [])
  client.acknowledge(2, 1)
  assert.deepEqual(take(), ['puback 1'])
  client.acknowledge(2)
  assert.deepEqual(take(), ['pubrec 2'])
})

test('finds a payload that was changed, and an answer to nothing', () => {
  const { connect, say, faults } = start()
  connect(false)
  const changed = writePayload('r', 'x:1', 3)
  changed[changed.length - 1] = 0xff
  say(publish('x:1', { payload: changed }), ack('puback', 5))
  assert.deepEqual(faults(), ['payload of x:1 on t is damaged', 'PUBACK for nothing'])
})
