import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError, ListenError, silentLog, startBroker } from '@busbar/broker'
import { root } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { startEmbedded } from '../src/embedded.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const quiet = { log: silentLog }
const memory = { engine: 'memory' } as const

/** Runs a module in a process of its own, which has to end by itself; returns what it printed. */
async function runProgram(source: string, ...options: readonly string[]): Promise<string> {
  await using folder = await temporaryFolder()
  const program = `process.chdir(${JSON.stringify(folder.path)})\n${source}`
  const args = ['-C', '@busbar/source', ...options, '-e', program]
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root })
  assert.equal(code, 0, stderr)
  return stdout
}

test('what README.md says about embedding runs as it is', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const [, source = ''] = /^```ts\n(.*?startBroker.*?)^```$/ms.exec(readme) ?? []
  assert.match(await runProgram(source), /^mqtt:\/\/127\.0\.0\.1:\d+\n$/)
})

test('a program on the command line has a durable broker', async () => {
  const program = `
    import { silentLog, startBroker } from '@busbar/broker'
    const broker = await startBroker({ listeners: [{ kind: 'tcp', port: 0 }] }, { log: silentLog })
    console.log(broker.durability)
    await broker.close()`
  assert.equal(await runProgram(program, '--input-type=module'), 'disk\n')
})

test('examples/embedded-broker.ts', async () => {
  const args = ['-C', '@busbar/source', 'examples/embedded-broker.ts']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root })
  assert.equal(code, 0, stderr)
  assert.match(
    stdout,
    /^others connect to mqtt:\/\/127\.0\.0\.1:\d+\nhello\/world: it works\n0 messages were lost\n$/,
  )
})

test('examples/authenticator.ts', async () => {
  const args = ['-C', '@busbar/source', 'examples/authenticator.ts']
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root })
  assert.equal(code, 0, stderr)
  const lines = [
    /^machine-7 is let in$/,
    /^machine-7 is refused: .*bad user name or password/i,
    /^somebody is refused: .*bad user name or password/i,
  ]
  for (const [at, line] of stdout.trimEnd().split('\n').entries()) {
    assert.match(line, lines[at] ?? /^nothing more$/)
  }
})

const programs = [
  ['a broker that is closed', 'const broker = await startBroker(); await broker.close()'],
  [
    'a broker with a client that is closed',
    `const broker = await startBroker({ listeners: [{ kind: 'ws', port: 0 }], store })
    broker.connectInMemory().send(Uint8Array.of(0x10, 13, 0, 4, 77, 81, 84, 84, 5, 2, 0, 0, 0, 0, 0))
    await new Promise((resolve) => setTimeout(resolve, 50))
    await broker.close()`,
  ],
  // Listeners keep a process alive, and nothing else does.
  ['a broker that is reached in memory only', 'await startBroker({ listeners: [], store })'],
  [
    'a broker that could not be started',
    `await startBroker({ listeners: [{ kind: 'tcp', host: '192.0.2.1' }], auth: { allowAnonymous: true } })
    .then(() => process.exit(1), () => {})`,
  ],
] as const

for (const [name, source] of programs) {
  test(`${name} lets its process end`, async () => {
    const imports = "import { startBroker } from '@busbar/broker'\n"
    await runProgram(`${imports}const store = { engine: 'memory' }\n${source}`)
  })
}

test('close() says goodbye, and releases ports and folder', async () => {
  await using folder = await temporaryFolder()
  const store = { dir: join(folder.path, 'data') }
  const first = await startBroker({ listeners: [{ kind: 'tcp', port: 0 }], store }, quiet)
  const { url } = first
  await using client = await RawClient.open(url)
  await client.connect()
  await using inMemory = await RawClient.open(first.connectInMemory())
  await inMemory.connect({ clientIdentifier: 'in memory' })
  const closing = first.close()
  assert.equal(first.close(), closing, 'twice is once')
  for (const each of [client, inMemory]) {
    assert.equal((await each.next('disconnect')).reasonCode, 0x8b)
    await within(each.closed, 'the end')
  }
  await closing
  assert.throws(() => first.connectInMemory(), /closed/)
  const port = Number(new URL(url).port)
  await using second = await startBroker({ listeners: [{ kind: 'tcp', port }], store }, quiet)
  assert.equal(second.url, url)
})

test('two brokers in one process are independent', async () => {
  await using first = await startEmbedded()
  await using second = await startEmbedded({ mqtt: { receiveMaximum: 5 } })
  const clients: RawClient[] = []
  for (const broker of [first, second]) {
    const client = await RawClient.open(broker.broker.connectInMemory())
    const { properties } = await client.connect({ clientIdentifier: 'same' })
    assert.equal(properties.receiveMaximum, broker === second ? 5 : 1_024)
    await client.subscribe('#')
    clients.push(client)
  }
  for (const [index, client] of clients.entries()) {
    client.publish('a', String(index), { retain: true })
    const { payload } = await client.next('publish')
    assert.equal(Buffer.from(payload).toString(), String(index))
  }
  await first.broker.close()
  await clients[1]?.ping()
  assert.equal(second.broker.statistics.clientsConnected, 1)
})

test('a connection within the process is like one over a socket', async () => {
  await using broker = await startEmbedded()
  await using inside = await RawClient.open(broker.broker.connectInMemory())
  await using outside = await RawClient.open(broker.tcp)
  const will = { topicName: 'gone', payload: Buffer.from('x'), qos: 1, retain: false } as const
  await inside.connect({ clientIdentifier: 'inside', will: { ...will, properties: {} } })
  await outside.connect({ clientIdentifier: 'outside' })
  await inside.subscribe('a', 2)
  await outside.subscribe('gone', 1)
  outside.publish('a', 'x', { qos: 2, packetIdentifier: 9 })
  await outside.next('pubrec')
  const { packetIdentifier } = await inside.next('publish')
  inside.send({ type: 'pubrec', packetIdentifier, reasonCode: 0, properties: {} })
  await inside.next('pubrel')
  inside.send({ type: 'pubcomp', packetIdentifier, reasonCode: 0, properties: {} })
  await inside.ping()
  await inside.end()
  assert.equal((await outside.next('publish')).topicName, 'gone')
})

test('a configuration is refused with everything that is wrong with it', async () => {
  const input = { listners: [], limits: { queue: { messages: 0 } }, mqtt: { maximumQoS: 3 } }
  const error = await startBroker(input as object, quiet).then(
    () => assert.fail('it has to be refused'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError)
  assert.deepEqual(error.problems.map(({ path }) => path).toSorted(), [
    'limits.queue.messages',
    'listners',
    'mqtt.maximumQoS',
  ])
  for (const { path } of error.problems) assert.match(error.message, new RegExp(`^${path}: `, 'm'))
  assert.match(error.message, /did you mean listeners\?/)
})

test('a broker that cannot open all its ports opens none', async () => {
  await using other = await startEmbedded()
  const taken = Number(new URL(other.tcp).port)
  const free = await startBroker({ listeners: [{ kind: 'tcp', port: 0 }], store: memory }, quiet)
  const port = Number(new URL(free.url).port)
  await free.close()
  const both = [
    { kind: 'tcp', port },
    { kind: 'ws', port: taken },
  ] as const
  await assert.rejects(startBroker({ listeners: both, store: memory }, quiet), ListenError)
  await using again = await startBroker({ listeners: both.slice(0, 1), store: memory }, quiet)
  assert.equal(again.url, free.url)
})
