import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { connect } from './connect.ts'
import { testOptions } from './testing/client-options.ts'
import { ack, publish, ScriptedPeer, suback, textOf } from './testing/scripted-peer.ts'
import { settle, VirtualClock } from './testing/virtual-clock.ts'
import { PayloadError } from './topics/payload-error.ts'
import { topic } from './topics/topic.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const command = topic('dev/{id:int}/cmd', { schema: z.object({ on: z.boolean() }) })

async function start() {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, { clientId: 'c', clock: new VirtualClock() })
  return { peer, client }
}

test('a typed request, and a response that a schema looks at', async () => {
  const { peer, client } = await start()
  const schema = z.object({ done: z.boolean() })
  const good = client.request(command.with({ id: 7 }), { on: true }, { schema })
  const bad = client.request(command.with({ id: 8 }), { on: false }, { schema })
  await settle()
  const answers = ['{"done":true}', '{"done":1}']
  for (const [n, sent] of (await peer.last.take('publish')).entries()) {
    const { responseTopic = '', correlationData = bytes('') } = sent.properties
    const properties = { correlationData }
    const payload = bytes(answers[n] ?? '')
    assert.equal(sent.topicName, `dev/${7 + n}/cmd`)
    peer.last.send(publish(0, 0, { topicName: responseTopic, properties, payload }))
  }
  const { value } = await good
  assert.equal(value.done satisfies boolean, true)
  await assert.rejects(bad, PayloadError)
  await client.close()
})

test('a typed responder: parameters and value, and what does not fit is refused', async () => {
  const { peer, client } = await start()
  const responder = await client.respond(
    command,
    ({ params, value }) => `${params.id + 1} ${value.on}`,
  )
  const properties = { responseTopic: 'back' }
  const request = (id: number, text: string) =>
    publish(id, 1, { topicName: 'dev/41/cmd', properties, payload: bytes(text) })
  peer.last.send(request(1, '{"on":true}'), request(2, '{"on":1}'))
  await settle()
  const [answer] = await peer.last.take('publish')
  assert.deepEqual([answer?.topicName, textOf(answer?.payload)], ['back', '42 true'])
  const acknowledged = await peer.last.take('puback')
  assert.deepEqual(
    acknowledged.map(({ packetIdentifier, reasonCode }) => [packetIdentifier, reasonCode]),
    [
      [1, 0],
      [2, 0x99],
    ],
  )
  await responder.close()
  await client.close()
})

test('a request that is aborted, or for which the client ends, rejects', async () => {
  const { client } = await start()
  const abort = new AbortController()
  const aborted = client.request('cmd', 'x', { signal: abort.signal })
  const waits = client.request('cmd', 'y')
  const both = Promise.all([
    assert.rejects(aborted, { code: 'aborted' }),
    assert.rejects(waits, { code: 'closed' }),
  ])
  await settle()
  abort.abort()
  await client.close()
  await both
})

test('request and respond', async () => {
  const peer = new ScriptedPeer().serve()
  const client = await connect(peer.target, testOptions())
  const asked = client.request('cmd', 'question')
  await settle()
  const [question] = await peer.last.take('publish')
  const { responseTopic = '', correlationData = new Uint8Array() } = question?.properties ?? {}
  peer.last.send(publish(0, 0, { topicName: responseTopic, properties: { correlationData } }))
  assert.equal((await asked).text(), '0')

  const failures: unknown[] = []
  const responder = await client.respond(
    'ask/+',
    (request) => {
      if (request.topicName === 'ask/no') throw new Error('no')
      return `to ${request.topicName}`
    },
    { failed: (error) => failures.push(error) },
  )
  const properties = { responseTopic: 'back', correlationData: new Uint8Array([1, 2]) }
  peer.last.send(
    publish(5, 1, { topicName: 'ask/me', properties }),
    publish(6, 1, { topicName: 'ask/no', properties }),
  )
  await settle()
  const [answer] = await peer.last.take('publish')
  assert.deepEqual(
    [answer?.topicName, answer?.properties.correlationData, textOf(answer?.payload)],
    ['back', new Uint8Array([1, 2]), 'to ask/me'],
  )
  const acknowledged = (await peer.last.take('puback')).map(({ packetIdentifier, reasonCode }) => [
    packetIdentifier,
    reasonCode,
  ])
  assert.deepEqual(acknowledged, [
    [5, 0],
    [6, 0x83],
  ])
  assert.equal(failures.length, 1)
  await responder.close()
  await client.close()
})

test('a responder outlives what a client stops with', async () => {
  const peer = new ScriptedPeer().serve()
  const options = testOptions()
  const client = await connect(peer.target, options)
  const responder = await client.respond('ask', () => 'answer')
  peer.last.send({ type: 'disconnect', reasonCode: 0x8e, properties: {} })
  await settle()
  assert.equal(client.state, 'stopped')
  await responder.close()
})

test('a request that nobody has subscribed to is not waited for', async () => {
  const { peer, client } = await start()
  peer.onPacket = (packet, connection) => {
    if (packet.type === 'publish') connection.send(ack('puback', packet.packetIdentifier, 0x10))
    else if (packet.type === 'subscribe') connection.send(suback(packet))
  }
  await assert.rejects(client.request('nobody', ''), { code: 'no-responder', reasonCode: 0x10 })
  await client.close({ drainMs: 0 })
})
