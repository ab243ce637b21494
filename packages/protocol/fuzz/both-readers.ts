import assert from 'node:assert/strict'
import { ProtocolError } from '../src/errors.ts'
import type { Packet } from '../src/packet.ts'
import type { ProtocolVersion } from '../src/version.ts'
import type { Framer } from '../src/wire/framer.ts'
import type { Sender } from '../src/wire/properties.ts'
import { PublishInPlace } from '../src/wire/publish-in-place.ts'
import { readPacket } from '../src/wire/read-packet.ts'

const places = new PublishInPlace()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** The current packet of a framer; fails where the reader in place has seen something else. */
export function readBothWays(framer: Framer, version: ProtocolVersion, from: Sender): Packet {
  const { firstByte, bytes, bodyEnd: end } = framer
  const isFound = places.find(framer, version)
  let packet: Packet
  try {
    packet = readPacket(firstByte, framer.body(), version, from)
  } catch (error) {
    // The text of the topic is all that the reader in place does not look at.
    const isText = error instanceof ProtocolError && error.statement?.startsWith('MQTT5-1.5.4')
    assert.ok(!isFound || isText === true, `read in place, though refused: ${error}`)
    throw error
  }
  if (!isFound) return packet
  assert.equal(packet.type, 'publish')
  if (packet.type !== 'publish') return packet
  const { dup, qos, retain, topicName, packetIdentifier, properties, payload } = packet
  assert.deepEqual(
    [false, (firstByte >> 1) & 0b11, false, places.packetIdentifier, {}],
    [dup, qos, retain, packetIdentifier, properties],
  )
  assert.equal(decoder.decode(bytes.subarray(places.topicStart, places.topicEnd)), topicName)
  assert.deepEqual([places.payloadStart, end], [end - payload.length, end])
  return packet
}
