import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { root, startBusbar, startProgram } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const payload = new Uint8Array(100_000).fill(1)

/** In blocks of 512 bytes: more than the reserve of the store needs, and less than what comes. */
const largestFile = 48_000

/** A broker whose writes fail beyond a size of a file, for another reason than want of room. */
async function startLimited(data: string, onFailure: 'exit' | 'readonly') {
  const main = join(root, 'packages/cli/src/main.ts')
  const flags = ['broker', '--port', '0', '--ws-port', '0', '--data', data]
  const set = ['--set', `store.onFailure=${onFailure}`]
  const script = `ulimit -f ${largestFile} && exec "$@"`
  const command = [process.execPath, '-C', '@busbar/source', main, ...flags, ...set]
  return startProgram('sh', ['-c', script, 'sh', ...command], await temporaryFolder())
}

/** Somebody who is away has subscribed to everything below `kept`. */
async function subscribe(url: string): Promise<void> {
  await using subscriber = await RawClient.open(url)
  await subscriber.connect({ clientIdentifier: 'away', ...lasting })
  await subscriber.subscribe('kept/#', 1)
  await subscriber.leave()
}

/** Publishes until a message is not acknowledged as kept; returns how many were. */
async function fill(url: string): Promise<number> {
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: 'filler' })
  for (let count = 0; ; count++) {
    assert.ok(count < 1_000, 'the disk has taken everything')
    publisher.publish(`kept/${count}`, payload, { qos: 1, packetIdentifier: 1 })
    const answer = await publisher.packets.next('an answer')
    if (answer === 'closed' || answer.type !== 'puback' || answer.reasonCode >= 0x80) return count
  }
}

/** What the Session that was away finds at a broker that may write. */
async function countKept(data: string): Promise<number> {
  await using broker = await startBusbar('--data', data)
  await using subscriber = await RawClient.open(broker.tcp)
  const { sessionPresent } = await subscriber.connect({ clientIdentifier: 'away', ...lasting })
  assert.equal(sessionPresent, true)
  const topics = new Set<string>()
  const { promise, resolve } = Promise.withResolvers<void>()
  subscriber.onPacket = (packet) => {
    if (packet.type !== 'publish') return
    if (packet.topicName === 'kept/last') return resolve()
    topics.add(packet.topicName)
    const { packetIdentifier } = packet
    subscriber.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
  }
  // Comes behind all that waits.
  subscriber.publish('kept/last', 'x', { qos: 1, packetIdentifier: 1 })
  await within(promise, 'the last message')
  return topics.size
}

const skip = process.platform === 'win32'

test('where writing fails the broker ends with 70, and what it acknowledged is there', {
  skip,
}, async () => {
  await using folder = await temporaryFolder()
  const broker = await startLimited(folder.path, 'exit')
  await subscribe(broker.tcp)
  const acknowledged = await fill(broker.tcp)
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 70)
  assert.match(
    broker.program.stderr,
    /^busbar: The store has failed: .*busbar\.db cannot be read or written \(disk I\/O error 778\)/m,
  )
  await broker[Symbol.asyncDispose]()
  assert.ok(acknowledged > 100 && (await countKept(folder.path)) >= acknowledged)
})

test('or serves what needs no store, if told so', { skip }, async () => {
  await using folder = await temporaryFolder()
  {
    await using broker = await startLimited(folder.path, 'readonly')
    await using reader = await RawClient.open(broker.tcp)
    await reader.connect({ clientIdentifier: 'reader' })
    await reader.subscribe('live', 0)
    await using writer = await RawClient.open(broker.tcp)
    await writer.connect({ clientIdentifier: 'writer' })
    writer.publish('retained', 'still there', { qos: 1, retain: true, packetIdentifier: 1 })
    assert.equal((await writer.next('puback')).reasonCode, 0x10)
    await subscribe(broker.tcp)
    await fill(broker.tcp)
    await within(broker.program.line(/ error +the store takes nothing/), 'the complaint')
    writer.publish('kept/more', 'x', { qos: 1, packetIdentifier: 2 })
    assert.equal((await writer.next('puback')).reasonCode, 0x83)
    await using newcomer = await RawClient.open(broker.tcp)
    assert.equal(
      (await newcomer.connect({ clientIdentifier: 'lasting', ...lasting })).reasonCode,
      0x88,
    )
    writer.publish('live', 'goes on')
    assert.equal((await reader.next('publish')).topicName, 'live')
    await reader.subscribe('retained', 0)
    assert.equal((await reader.next('publish')).topicName, 'retained')
    assert.equal(broker.program.stderr.match(/^\S+ error /gm)?.length, 1)
  }
  assert.ok((await countKept(folder.path)) > 100)
})
