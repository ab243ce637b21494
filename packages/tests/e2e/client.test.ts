import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type Client, connect, MqttConnectError, scramSha256 } from '@busbar/client'
import { busbarLibrary } from '../src/busbar-client.ts'
import { eventually, within } from '../src/deadline.ts'
import { startEmbedded } from '../src/embedded.ts'
import { libraryContract } from '../src/library.contract.ts'
import { needs } from '../src/needs.ts'
import { Program } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

libraryContract(busbarLibrary('tcp'))
libraryContract(busbarLibrary('ws'))

interface Place extends AsyncDisposable {
  readonly url: string
}

/** Mosquitto takes 20 messages at once, and here its queues have no end. */
async function startMosquitto(): Promise<Place> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  probe.close()
  await once(probe, 'close')
  const folder = await temporaryFolder()
  const settings = join(folder.path, 'mosquitto.conf')
  await writeFile(
    settings,
    `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`,
  )
  const program = new Program('mosquitto', ['-c', settings])
  await program.line(/running/)
  return {
    url: `mqtt://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}

async function startBusbar(): Promise<Place> {
  const broker = await startEmbedded({ mqtt: { receiveMaximum: 20 } })
  return { url: broker.tcp, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

const brokers = [
  { name: 'Busbar', skip: false as const, start: startBusbar },
  { name: 'Mosquitto', skip: needs('mosquitto'), start: startMosquitto },
]

async function read(
  client: Client,
  topicFilter: string,
  count: number,
): Promise<() => Promise<string[]>> {
  const subscription = await client.subscribe(topicFilter, { qos: 2 })
  return async () => {
    const texts: string[] = []
    for await (const message of subscription) {
      texts.push(message.text())
      if (texts.length === count) break
    }
    return texts
  }
}

for (const { name, skip, start } of brokers) {
  describe(`the client with ${name}`, { skip }, () => {
    for (const version of [4, 5] as const) {
      test(`T12: a burst of 1,000 QoS 2, version ${version}`, async () => {
        await using broker = await start()
        await using client = await connect(broker.url, { version })
        const texts = await read(client, 'burst', 1_000)
        const all = Array.from({ length: 1_000 }, (_, n) =>
          client.publish('burst', `${n}`, { qos: 2 }),
        )
        const settled = within(Promise.all(all), 'all acknowledgements')
        assert.deepEqual(
          await within(texts(), 'the burst'),
          Array.from({ length: 1_000 }, (_, n) => `${n}`),
        )
        await settled
        assert.equal(client.negotiated?.receiveMaximum, 20)
      })
    }

    test('large and small, empty and binary payloads', async () => {
      await using broker = await start()
      await using client = await connect(broker.url)
      const subscription = await client.subscribe('payloads', { qos: 1 })
      const sizes = [0, 1, 127, 128, 16_383, 16_384, 500_000]
      for (const size of sizes) {
        const payload = new Uint8Array(size).map((_, at) => at * 7)
        await within(client.publish('payloads', payload, { qos: 1 }), 'PUBACK')
        const { value } = await within(subscription.next(), 'a message')
        assert.deepEqual(value?.payload.slice(), payload)
      }
    })

    test('a request is answered', async () => {
      await using broker = await start()
      await using server = await connect(broker.url)
      await using client = await connect(broker.url)
      await using _ = await server.respond('double/+', (request) => `${Number(request.text()) * 2}`)
      const asked = [1, 2, 3].map((n) => client.request('double/it', `${n}`))
      const answers = await within(Promise.all(asked), 'answers')
      assert.deepEqual(
        answers.map((answer) => answer.text()),
        ['2', '4', '6'],
      )
    })

    test('a Session of an earlier client is taken up with what has waited', async () => {
      await using broker = await start()
      const options = { clientId: 'again', session: { expirySeconds: 600, cleanStart: false } }
      const first = await connect(broker.url, options)
      await first.subscribe('kept', { qos: 1 })
      await first.close()
      await using publisher = await connect(broker.url)
      for (const n of [1, 2, 3]) await publisher.publish('kept', `${n}`, { qos: 1 })
      await using second = await connect(broker.url, options)
      assert.equal(second.negotiated?.sessionPresent, true)
      const texts = await read(second, 'kept', 3)
      assert.deepEqual(await within(texts(), 'what was kept'), ['1', '2', '3'])
    })
  })
}

// Mosquitto closes the connection without saying why.
test('T15: the one that was there is taken over, and stays away', async () => {
  await using broker = await startBusbar()
  const first = await connect(broker.url, { clientId: 'twin' })
  await using second = await connect(broker.url, { clientId: 'twin' })
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
  const texts = await read(client, 'memory/#', 2)
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
