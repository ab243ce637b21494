import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hexOf, readFrame } from '../../fuzz/frames.ts'
import type { Packet } from '../packet.ts'
import { fitPacket } from './fit.ts'
import type { Puback } from './packets/acks.ts'
import type { Sender } from './properties.ts'
import { encodePacket } from './write-packet.ts'

const explanation = { reasonString: 'because', userProperties: [['k', 'v']] } as const
const suback = { packetIdentifier: 1, reasonCodes: [0x87], properties: explanation }
const ack = { packetIdentifier: 1, reasonCode: 0, properties: explanation }

/** The statements about the Reason String and about User Properties. */
const rows: readonly (readonly [string, string, Sender, Packet])[] = [
  [
    'MQTT5-3.2.2-19',
    'MQTT5-3.2.2-20',
    'server',
    {
      type: 'connack',
      sessionPresent: false,
      reasonCode: 0x87,
      properties: { ...explanation, serverKeepAlive: 1 },
    },
  ],
  ['MQTT5-3.4.2-2', 'MQTT5-3.4.2-3', 'server', { type: 'puback', ...ack }],
  ['MQTT5-3.5.2-2', 'MQTT5-3.5.2-3', 'server', { type: 'pubrec', ...ack }],
  ['MQTT5-3.6.2-2', 'MQTT5-3.6.2-3', 'server', { type: 'pubrel', ...ack }],
  ['MQTT5-3.7.2-2', 'MQTT5-3.7.2-3', 'server', { type: 'pubcomp', ...ack }],
  ['MQTT5-3.9.2-1', 'MQTT5-3.9.2-2', 'server', { type: 'suback', ...suback }],
  ['MQTT5-3.11.2-1', 'MQTT5-3.11.2-2', 'server', { type: 'unsuback', ...suback }],
  [
    'MQTT5-3.14.2-3',
    'MQTT5-3.14.2-4',
    'server',
    { type: 'disconnect', reasonCode: 0x8e, properties: explanation },
  ],
  [
    'MQTT5-3.15.2-2',
    'MQTT5-3.15.2-3',
    'client',
    { type: 'auth', reasonCode: 0x18, properties: { ...explanation, authenticationMethod: 'm' } },
  ],
]

/** Which of the two are in the packet that fits. */
function kept(packet: Packet, from: Sender, size: number, mayExplain: boolean): string | undefined {
  const bytes = fitPacket(packet, 5, size, mayExplain)
  if (bytes === undefined) return undefined
  assert.ok(bytes.length <= size)
  const { properties } = readFrame(bytes, 5, from) as Puback
  return [properties.reasonString && 'string', properties.userProperties && 'properties']
    .filter(Boolean)
    .join()
}

for (const [stringStatement, propertiesStatement, from, packet] of rows) {
  const whole = encodePacket(packet, 5).length
  const always = packet.type === 'connack' || packet.type === 'disconnect'

  test(`${packet.type} drops User Properties first [${propertiesStatement}]`, () => {
    assert.equal(kept(packet, from, whole, true), 'string,properties')
    assert.equal(kept(packet, from, whole - 1, true), 'string')
    assert.equal(kept(packet, from, whole - 7, true), 'string')
  })

  test(`${packet.type} drops its Reason String as well [${stringStatement}]`, () => {
    assert.equal(kept(packet, from, whole - 8, true), '')
  })

  test(`${packet.type} that cannot be small enough is not sent [MQTT5-3.1.2-24]`, () => {
    assert.equal(kept(packet, from, 2, true), undefined)
  })

  test(`${packet.type} to a client that wants no problem information [MQTT5-3.1.2-29]`, () => {
    assert.equal(kept(packet, from, whole, false), always ? 'string,properties' : '')
  })
}

test('the User Properties of a message are not an explanation', () => {
  const publish: Packet = {
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topicName: 'a',
    packetIdentifier: 0,
    properties: { userProperties: [['k', 'v']] },
    payload: new Uint8Array(0),
  }
  const whole = encodePacket(publish, 5)
  assert.equal(hexOf(fitPacket(publish, 5, whole.length, false) ?? new Uint8Array(0)), hexOf(whole))
  assert.equal(fitPacket(publish, 5, whole.length - 1, true), undefined)
})

test('3.1.1 has nothing to leave out', () => {
  assert.equal(fitPacket({ type: 'puback', ...ack }, 4, 4, true)?.length, 4)
  assert.equal(fitPacket({ type: 'puback', ...ack }, 4, 3, true), undefined)
})
