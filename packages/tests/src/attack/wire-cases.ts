import assert from 'node:assert/strict'
import { encodePacket, type UserProperty } from '@busbar/protocol'
import type { BrokerUrls } from '../busbar.ts'
import { within } from '../deadline.ts'
import { hostileInputs } from '../hostile-input.ts'
import { connectPacket, fromHex, publishPacket, RawClient, subscribePacket } from '../raw-client.ts'
import { type AttackCase, checkOthers } from './attack-case.ts'
import { sendHostile, versionOf } from './wire.ts'

const names: Readonly<Record<number, string>> = {
  1: 'lengths of five bytes',
  2: 'much is announced',
  3: 'another packet first, CONNECT twice',
  7: 'fields that go past the end',
  9: 'text that is not UTF-8, U+0000, surrogates',
  10: 'reserved bits and packet types',
  11: 'QoS 3, DUP at QoS 0, Packet Identifier 0',
  12: 'properties repeated, misplaced or bad',
  14: 'Will flags without a Will, bad Wills',
  15: 'Topic Names empty, with wildcards, deep',
  16: 'bad Topic Filters',
  17: 'bad shared Topic Filters',
  20: 'Topic Alias 0, too high, unset',
  21: 'more than Receive Maximum',
  22: 'QoS 2 without PUBREL, identifiers again',
  23: 'acknowledgements of nothing',
  26: 'packets of servers',
}

/** Can be tried on any broker; what it answers is compared with what Busbar does. */
export const wireCases: readonly AttackCase[] = [
  ...Object.entries(names).map(([number, name]) => ({
    number: Number(number),
    name,
    run: (target: BrokerUrls) => sendInputs(target, Number(number)),
  })),
  { number: 8, name: 'a stream in pieces, and all at once', run: inPieces },
  { number: 13, name: '10,000 User Properties', run: manyProperties },
  { number: 19, name: 'wildcards against a deep tree', run: wildcards },
  { number: 25, name: 'more than Maximum Packet Size', run: tooLarge },
  { number: 35, name: 'publishing to $SYS; # does not see it', run: dollarTopics },
]

async function sendInputs(target: BrokerUrls, number: number): Promise<void> {
  for (const input of hostileInputs.filter((each) => each.number === number)) {
    for (const url of [target.tcp, target.ws]) {
      if (url === '') continue
      await using client = await RawClient.open(url, versionOf(input))
      assert.deepEqual(await sendHostile(client, input), input.answers, input.name)
    }
  }
  await checkOthers(target)
}

async function inPieces(target: BrokerUrls): Promise<void> {
  const packets = [
    connectPacket({ clientIdentifier: 'pieces' }),
    subscribePacket('pieces/#', 1),
    publishPacket('pieces/a', 'x', { qos: 1, packetIdentifier: 7 }),
  ].map((packet) => encodePacket(packet, 5))
  const bytes = Buffer.concat([...packets, fromHex('c000')])
  for (const size of [1, 2, 3, 7, bytes.length]) {
    await using client = await RawClient.open(target.tcp)
    for (let at = 0; at < bytes.length; at += size) {
      client.sendBytes(bytes.subarray(at, at + size))
      await new Promise(setImmediate)
    }
    const seen = new Set<string>()
    while (!seen.has('pingresp')) {
      const packet = await client.packets.next('an answer to a stream in pieces')
      assert.ok(packet !== 'closed')
      seen.add(packet.type)
    }
    assert.deepEqual([...seen].sort(), ['connack', 'pingresp', 'puback', 'publish', 'suback'])
  }
}

async function manyProperties(target: BrokerUrls): Promise<void> {
  const userProperties = Array.from({ length: 10_000 }, (_, at): UserProperty => [String(at), 'x'])
  await using early = await RawClient.open(target.tcp)
  early.send(connectPacket({ properties: { userProperties } }))
  assert.equal(await early.packets.next('the end'), 'closed')
  await using client = await RawClient.open(target.tcp)
  await client.connect({ clientIdentifier: 'many properties' })
  await client.subscribe('many/properties')
  client.publish('many/properties', 'x', { properties: { userProperties } })
  const { properties } = await client.next('publish')
  assert.equal(properties.userProperties?.length, 10_000)
  await checkOthers(target)
}

async function wildcards(target: BrokerUrls): Promise<void> {
  await using client = await RawClient.open(target.tcp)
  await client.connect({ clientIdentifier: 'wildcards' })
  const depth = 16
  // Each level is either a name or +: a tree that is walked without a plan doubles at each of them.
  for (let mask = 0; mask < 2_000; mask++) {
    const filter = Array.from({ length: depth }, (_, at) => ((mask >> at) & 1 ? '+' : 'a'))
    client.send(subscribePacket(filter.join('/')))
    await client.next('suback')
  }
  await client.subscribe('+/+/+/+/#')
  for (let i = 0; i < 20; i++) {
    client.publish(new Array<string>(depth).fill(i % 2 === 0 ? 'a' : 'b').join('/'), 'x')
  }
  client.send({ type: 'pingreq' })
  const answered = async () => {
    for (;;) {
      const packet = await client.packets.next('PINGRESP')
      assert.ok(packet !== 'closed')
      if (packet.type === 'pingresp') return
    }
  }
  await Promise.all([checkOthers(target), answered()])
}

async function tooLarge(target: BrokerUrls): Promise<void> {
  await using client = await RawClient.open(target.tcp)
  await client.connect({ clientIdentifier: 'small', properties: { maximumPacketSize: 64 } })
  await client.subscribe('small/#', 1)
  await using publisher = await RawClient.open(target.tcp)
  await publisher.connect({ clientIdentifier: 'large' })
  for (const [index, payload] of ['x'.repeat(64), 'small'].entries()) {
    publisher.publish('small/a', payload, { qos: 1, packetIdentifier: index + 1 })
    await publisher.next('puback')
  }
  const { payload } = await client.next('publish')
  assert.equal(Buffer.from(payload).toString(), 'small')
}

async function dollarTopics(target: BrokerUrls): Promise<void> {
  await using client = await RawClient.open(target.tcp)
  await client.connect({ clientIdentifier: 'dollar' })
  await client.subscribe('#')
  const topics = ['$SYS/broker/version', '$share/a', '$other']
  for (const [index, topicName] of topics.entries()) {
    client.publish(topicName, 'forged', { qos: 1, retain: true, packetIdentifier: index + 1 })
    assert.equal((await client.next('puback')).reasonCode, 0x87, topicName)
  }
  await client.ping() // nothing of it has come before
  await within(client.leave(), 'the end')
}
