import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from './connect.ts'
import { publish, ScriptedPeer } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'
import { text } from './topics/codec.ts'
import { topic } from './topics/topic.ts'

const count = 50

async function opened() {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { clock: new VirtualClock(), receiveMaximum: count })
  return { peer, client }
}

/** Sends the messages, and counts in how many writes their acknowledgements come. */
async function writesFor(peer: ScriptedPeer, read: () => Promise<void>): Promise<number> {
  const { last } = peer
  await settle()
  const before = last.writes
  const messages = Array.from({ length: count }, (_, at) => publish(at + 1, 1))
  last.send(...messages)
  await read()
  // A loop that is left does not ask for more: its last message stays unacknowledged.
  assert.ok((await last.take('puback')).length >= count - 1)
  return last.writes - before
}

const readers: readonly (readonly [string, () => Promise<number>])[] = [
  [
    'next()',
    async () => {
      const { peer, client } = await opened()
      await using subscription = await client.subscribe('t')
      return await writesFor(peer, async () => {
        for (let left = count; left > 0; left--) await subscription.next()
        void subscription.next()
      })
    },
  ],
  [
    'a loop over what map() makes',
    async () => {
      const { peer, client } = await opened()
      await using subscription = await client.subscribe('t')
      return await writesFor(peer, async () => {
        let left = count
        for await (const _ of subscription.map(async (message) => message.text())) {
          if (--left === 0) break
        }
      })
    },
  ],
  [
    'a typed topic',
    async () => {
      const { peer, client } = await opened()
      await using subscription = await client.subscribe(topic('{name}', { codec: text }))
      return await writesFor(peer, async () => {
        for (let left = count; left > 0; left--) await subscription.next()
        void subscription.next()
      })
    },
  ],
]

for (const [name, run] of readers) {
  test(`what ${name} acknowledges message by message leaves in few writes`, async () => {
    const writes = await run()
    assert.ok(writes <= 3, `${writes} writes for ${count} messages`)
  })
}

test('the first of many acknowledgements do not wait for the last', async () => {
  const peer = new ScriptedPeer().serve()
  const receiveMaximum = 500
  await using client = await connect(peer.target, { clock: new VirtualClock(), receiveMaximum })
  await using subscription = await client.subscribe('t')
  const { last } = peer
  await settle()
  const before = last.writes
  last.send(...Array.from({ length: receiveMaximum }, (_, at) => publish(at + 1, 1)))
  for (let left = 130; left > 0; left--) await subscription.next()
  assert.equal(last.writes, before + 1)
})

test('a message that nothing follows leaves without waiting for a timer', async () => {
  const { peer, client } = await opened()
  const before = peer.last.writes
  void client.publish('t', 'x', { qos: 1 })
  assert.equal((await peer.last.take('publish')).length, 1)
  assert.equal(peer.last.writes, before + 1)
})
