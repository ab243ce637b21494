import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, MqttConnectError, scramSha256 } from '@busbar/client'
import { busbarLibrary } from '../src/busbar-client.ts'
import { eventually, within } from '../src/deadline.ts'
import { startEmbedded } from '../src/embedded.ts'
import { libraryContract } from '../src/library.contract.ts'
import { readTexts } from '../src/read-texts.ts'

libraryContract(busbarLibrary('tcp'))
libraryContract(busbarLibrary('ws'))

// Mosquitto closes the connection without saying why.
test('T15: the one that was there is taken over, and stays away', async () => {
  await using broker = await startEmbedded()
  const first = await connect(broker.tcp, { clientId: 'twin' })
  await using second = await connect(broker.tcp, { clientId: 'twin' })
  await eventually(() => first.state === 'stopped', 'the first to stop')
  assert.equal(second.state, 'connected')
  assert.deepEqual(await first.close(), { left: 0 })
})

test('SCRAM-SHA-256 with Busbar, and again while connected', async () => {
  // The user `u` with the password `p`, 4,096 iterations and the salt `salt` (RFC 5802).
  const scram = {
    salt: 'c2FsdA==',
    iterations: 4_096,
    storedKey: 'KWwHs1ysS4TG8aVMBScx1VhLJ3KSCqfSRgDNt4mY41Q=',
    serverKey: 'npDy99qnByIELLIqisIld8O1Q3Le3jX0Fdls6+FA3TE=',
  }
  await using broker = await startEmbedded({ auth: { users: [{ name: 'u', scram }] } })
  await using client = await connect(broker.tcp, { authentication: scramSha256('u', 'p') })
  await within(client.reauthenticate(), 'the second authentication')
  const refused = connect(broker.tcp, { authentication: scramSha256('u', 'wrong') })
  await assert.rejects(within(refused, 'a refusal'), MqttConnectError)
  await using _ = await connect(broker.tcp, { credentials: { username: 'u', password: 'p' } })
})

test('within the process, without a socket', async () => {
  await using broker = await startEmbedded()
  await using client = await connect(() => broker.broker.connectInMemory())
  const texts = await readTexts(client, 'memory/#', 2)
  await client.publish('memory/1', 'one', { qos: 2 })
  await client.publish('memory/2', 'two')
  assert.deepEqual(await within(texts(), 'both messages'), ['one', 'two'])
})

test('a broker that restarts: subscriptions and messages go on', async () => {
  const first = await startEmbedded()
  const { port } = new URL(first.tcp)
  await using client = await connect(first.tcp, { reconnect: { maxMs: 100 } })
  const subscription = await client.subscribe('on', { qos: 1 })
  await first[Symbol.asyncDispose]()
  await eventually(() => client.state !== 'connected', 'the loss to be seen')
  const waits = client.publish('on', 'and on', { qos: 1 })
  const listeners = [{ kind: 'tcp', port: Number(port) }] as const
  await using _ = await startEmbedded({ listeners: [...listeners] })
  await within(waits, 'the message to be taken')
  const { value } = await within(subscription.next(), 'the message')
  assert.equal(value?.text(), 'and on')
  assert.equal(client.stats.reconnects, 1)
})
