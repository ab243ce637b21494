import assert from 'node:assert/strict'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { askBroker } from '@busbar/broker'
import { busbar, startBusbar } from '../src/busbar.ts'
import { eventually } from '../src/deadline.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const skip = process.platform === 'win32' ? 'there is no control socket on Windows' : false
const lasting = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

/** How many messages the publisher has under way. */
const window = 50

/** Publishes 1, 2, 3 … at QoS 1 until it is told to stop, and counts what was acknowledged. */
class Publisher {
  acknowledged = 0
  #sent = 0
  #isStopped = false
  readonly #client: RawClient
  readonly #done: Promise<void>

  private constructor(client: RawClient) {
    this.#client = client
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#done = promise
    client.onPacket = (packet) => {
      if (packet.type !== 'puback') return
      // In the order of sending, so that one number says which.
      this.acknowledged++
      if (!this.#isStopped) this.#send()
      else if (this.acknowledged === this.#sent) resolve()
    }
    for (let count = 0; count < window; count++) this.#send()
  }

  static async start(url: string): Promise<Publisher> {
    const client = await RawClient.open(url)
    await client.connect({ clientIdentifier: 'publisher' })
    return new Publisher(client)
  }

  #send(): void {
    const number = ++this.#sent
    const packetIdentifier = (number % 60_000) + 1
    const payload = `${number} ${'x'.repeat(500)}`
    this.#client.publish(`load/${number % 10}`, payload, { qos: 1, packetIdentifier })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
    await this.#client[Symbol.asyncDispose]()
  }
}

/** Connects to a Session that is there, and takes all that waits in it. */
async function drain(url: string, clientIdentifier: string, into: Set<number>): Promise<RawClient> {
  const client = await RawClient.open(url)
  client.onPacket = (packet) => {
    if (packet.type === 'connack') assert.ok(packet.sessionPresent, clientIdentifier)
    if (packet.type !== 'publish') return
    into.add(Number(Buffer.from(packet.payload).toString().split(' ')[0]))
    const { packetIdentifier } = packet
    client.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
  }
  client.send({
    type: 'connect',
    protocolVersion: 5,
    clientIdentifier,
    keepAliveSeconds: 0,
    will: undefined,
    username: undefined,
    password: undefined,
    ...lasting,
  })
  return client
}

/** Runs `busbar`; it has to succeed. */
async function succeed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(busbar, args)
  assert.deepEqual([code, stderr], [0, ''], args.join(' '))
  return stdout
}

async function refuse(code: number, message: RegExp, ...args: readonly string[]): Promise<void> {
  const outcome = await run(busbar, args)
  assert.deepEqual([outcome.code, outcome.stdout], [code, ''], args.join(' '))
  assert.match(outcome.stderr, message)
  assert.equal(outcome.stderr.split('\n').length, 2, outcome.stderr)
}

describe('backup, restore and the control socket', { skip, timeout: 120_000 }, () => {
  test('a backup under load has all that was acknowledged before it began', async (t) => {
    await using folder = await temporaryFolder()
    const at = (name: string) => join(folder.path, name)
    const seen = { live: new Set<number>(), away: new Set<number>() }
    let before = 0
    {
      await using broker = await startBusbar('--data', at('first'), '--log-level', 'warn')
      for (const clientIdentifier of ['live', 'away']) {
        await using subscriber = await RawClient.open(broker.tcp)
        await subscriber.connect({ clientIdentifier, ...lasting })
        await subscriber.subscribe('load/#', 1)
        await subscriber.leave()
      }
      const live = await drain(broker.tcp, 'live', seen.live)
      const publisher = await Publisher.start(broker.tcp)
      await eventually(() => publisher.acknowledged > 5_000, 'messages')
      before = publisher.acknowledged
      // Not by the command, which would begin much later than its process.
      const backup = { request: 'backup', file: at('backup.db') } as const
      await askBroker(at('first'), backup, 0)
      const after = publisher.acknowledged
      assert.ok(after >= before)
      await eventually(() => publisher.acknowledged > after + 500, 'more messages')
      await publisher.stop()
      await live[Symbol.asyncDispose]()
      t.diagnostic(
        `${before} acknowledged before, ${after} after, ${publisher.acknowledged} in all`,
      )
      await refuse(
        1,
        /is in use by process \d+/,
        ...['restore', at('backup.db')],
        '--data',
        at('first'),
      )
      assert.deepEqual(broker.program.stderr, '')
    }
    assert.equal((await stat(at('backup.db'))).mode & 0o777, 0o600)
    assert.deepEqual((await readdir(folder.path)).sort(), ['backup.db', 'first'])
    const report = await succeed('store', 'check', at('backup.db'))
    assert.match(report, /backup.db: sound\n/)
    assert.match(report, /^ {2}sessions +2$/m)
    await succeed('restore', at('backup.db'), '--data', at('second'))
    await using broker = await startBusbar('--data', at('second'), '--log-level', 'warn')
    const away = await drain(broker.tcp, 'away', seen.away)
    const live = await drain(broker.tcp, 'live', seen.live)
    const all = Array.from({ length: before }, (_, index) => index + 1)
    await eventually(() => seen.away.size >= before, 'what waited')
    const missing = (set: Set<number>) => all.filter((number) => !set.has(number))
    await eventually(() => missing(seen.live).length === 0, 'what had not come')
    assert.deepEqual(missing(seen.away), [])
    for (const client of [away, live]) await client[Symbol.asyncDispose]()
  })

  test('status, losses and kick ask the broker that runs', async () => {
    await using folder = await temporaryFolder()
    const data = ['--data', folder.path]
    await using broker = await startBusbar(...data)
    await using client = await RawClient.open(broker.tcp)
    await client.connect({ clientIdentifier: '-odd\u001b' })
    const status = await succeed('status', ...data)
    assert.ok(status.includes(`  ${broker.tcp}\n  ${broker.ws}\n`), status)
    assert.match(status, /^ {2}clients +1 /m)
    const { statistics } = JSON.parse(await succeed('status', '--json', ...data))
    assert.equal(statistics.clientsConnected, 1)
    assert.equal(await succeed('losses', ...data), 'nothing was lost\n')
    await succeed('backup', join(folder.path, 'b.db'), ...data)
    await succeed('store', 'check', join(folder.path, 'b.db'))
    await refuse(1, /No client is connected as "nobody"/, 'kick', 'nobody', ...data)
    assert.match(
      await succeed('kick', ...data, '--', '-odd\u001b'),
      /disconnected -odd\\u\{1b\} \(/,
    )
    assert.equal((await client.next('disconnect')).reasonCode, 0x98)
    broker.program.kill('SIGTERM')
    await broker.program.exited
    for (const command of [['status'], ['losses'], ['kick', 'a']]) {
      await refuse(1, /^busbar: No broker runs on .*: start one, or name /, ...command, ...data)
    }
  })

  test('a backup and a restore without a broker, and a fault that a check finds', async () => {
    await using folder = await temporaryFolder()
    const at = (name: string) => join(folder.path, name)
    const data = ['--data', at('data')]
    await refuse(1, /There is no .*busbar.db/, 'backup', at('b.db'), ...data)
    {
      await using broker = await startBusbar(...data)
      await using subscriber = await RawClient.open(broker.tcp)
      await subscriber.connect({ clientIdentifier: 'a', ...lasting })
      await subscriber.subscribe('x', 1)
    }
    await succeed('backup', at('b.db'), ...data)
    await refuse(1, /is there already: .*--force/, 'backup', at('b.db'), ...data)
    await succeed('backup', at('b.db'), ...data, '--force')
    await succeed('store', 'check', ...data)
    const kept = await succeed('restore', at('b.db'), ...data)
    assert.match(kept, /what was there is .*busbar\.db\.before-restore-1$/m)
    const { DatabaseSync } = await import('node:sqlite')
    const database = new DatabaseSync(at('data/busbar.db'))
    database.exec('DELETE FROM session')
    database.close()
    const { code, stdout, stderr } = await run(busbar, ['store', 'check', ...data])
    assert.equal(code, 1)
    assert.match(stdout, /busbar\.db: not sound\n/)
    assert.match(stderr, /is not sound; .*\n {2}a subscription that belongs to no Session\n$/)
    await rm(at('data/busbar.db'))
    await succeed('restore', at('b.db'), ...data)
    await succeed('store', 'check', ...data)
  })
})
