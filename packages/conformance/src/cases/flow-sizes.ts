import assert from 'node:assert/strict'
import { property, pubrec, pubrel, subscribe, unsubscribe } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'
import type { ReceivedType } from '../received.ts'

/** A peer with the smallest Maximum Packet Size that lets CONNACK through, and that size. */
async function narrow(t: Trial): Promise<{ readonly peer: ConnectedPeer; readonly limit: number }> {
  const wide = await t.connect({ properties: [property.maximumPacketSize(1_000)] })
  const limit = wide.connack.bytes.length
  const peer = await t.connect({ properties: [property.maximumPacketSize(limit)] })
  return { peer, limit }
}

/** What makes a Server send a packet of this type that it may want to explain. */
const provocations: Readonly<Partial<Record<ReceivedType, (t: Trial) => readonly Uint8Array[]>>> = {
  pubrel: () => [pubrec(77)],
  pubcomp: () => [pubrel(77)],
  suback: (t) => [
    subscribe({ version: 5, packetId: 9, filters: [{ filter: `$share/${t.id()}/$SYS/#` }] }),
    subscribe({ version: 5, packetId: 9, filters: [{ filter: t.topic('a#') }] }),
  ],
  unsuback: (t) => [unsubscribe({ version: 5, packetId: 9, filters: [t.topic('unknown')] })],
}

/** The answers of this type stay within the Maximum Packet Size of the client. */
function staysWithin(type: ReceivedType, statements: readonly string[]): Case {
  return {
    id: `flow/small-${type}`,
    title: `sends no ${type.toUpperCase()} above the Maximum Packet Size of the client`,
    statements,
    versions: [5],
    async run(t) {
      const qos = ({ puback: 1, pubrec: 2 } as const)[type as 'puback' | 'pubrec']
      if (qos === undefined) {
        for (const bytes of provocations[type]?.(t) ?? []) await answersWithin(t, type, bytes)
        return
      }
      for (const topic of [`$SYS/${t.id()}`, t.topic('nobody')]) {
        const { peer, limit } = await narrow(t)
        peer.sendPublish(topic, 'x', { qos, packetId: 9 })
        const answer = await peer.receive()
        t.check(answer.bytes.length <= limit, `${answer} where ${limit} bytes are allowed`)
      }
    },
  }
}

async function answersWithin(t: Trial, type: ReceivedType, bytes: Uint8Array): Promise<void> {
  const { peer, limit } = await narrow(t)
  peer.send(bytes)
  const answer = await peer.receiveUnlessClosed()
  if (answer === undefined) return
  assert.ok(answer.type === type || answer.type === 'disconnect', `${answer}`)
  t.check(answer.bytes.length <= limit, `${answer} where ${limit} bytes are allowed`)
}

export const sizeCases: readonly Case[] = [
  staysWithin('puback', ['MQTT5-3.4.2-2', 'MQTT5-3.4.2-3']),
  staysWithin('pubrec', ['MQTT5-3.5.2-2', 'MQTT5-3.5.2-3']),
  staysWithin('pubrel', ['MQTT5-3.6.2-2', 'MQTT5-3.6.2-3']),
  staysWithin('pubcomp', ['MQTT5-3.7.2-2', 'MQTT5-3.7.2-3']),
  staysWithin('suback', ['MQTT5-3.9.2-1', 'MQTT5-3.9.2-2']),
  staysWithin('unsuback', ['MQTT5-3.11.2-1', 'MQTT5-3.11.2-2']),
]
