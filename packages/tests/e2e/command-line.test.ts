import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { version } from '@busbar/broker'
import { busbar, root, startBusbar, startProgram } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { childOf } from '../src/memory.ts'
import { needs } from '../src/needs.ts'
import { Program, run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

/** Runs `busbar` to its end, in a folder where it may leave things. */
async function runBusbar(...args: readonly string[]) {
  await using folder = await temporaryFolder()
  return await run(busbar, args, { cwd: folder.path })
}

/** A configuration file that is gone after the test. */
async function temporaryFile(text: string) {
  const folder = await temporaryFolder()
  const path = join(folder.path, 'busbar.yaml')
  await writeFile(path, text)
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() }
}

/** A port of this process that nobody else can open. */
async function takenPort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { port: String(port), [Symbol.asyncDispose]: async () => void server.close() }
}

test('the banner says where, how durable, which version and how to publish', async (t) => {
  const startedAt = performance.now()
  await using broker = await startBusbar()
  t.diagnostic(`started in ${Math.round(performance.now() - startedAt)} ms`)
  const { port } = new URL(broker.tcp)
  assert.match(broker.tcp, /^mqtt:\/\/127\.0\.0\.1:\d+$/)
  assert.match(broker.ws, /^ws:\/\/127\.0\.0\.1:\d+\/mqtt$/)
  const { stdout } = broker.program
  assert.ok(stdout.startsWith(`busbar ${version}\n`), stdout)
  assert.match(stdout, /^ {2}disk: .*\(\.\/busbar-data\)$/m)
  assert.match(stdout, new RegExp(`^ {2}try: mosquitto_pub -h 127.0.0.1 -p ${port} -t \\S+`, 'm'))
  assert.doesNotMatch(stdout, /warning/)
})

test('what the banner says to try works', { skip: needs('mosquitto_pub') }, async () => {
  await using broker = await startBusbar()
  await using client = await RawClient.open(broker.tcp)
  await client.connect()
  await client.subscribe('#')
  const command = (await broker.program.line(/^ {2}try: /)).replace(/^ {2}try: /, '')
  const [program = '', ...args] = command.split(' ')
  assert.equal((await run(program, args)).code, 0)
  const { topicName, payload } = await client.next('publish')
  assert.ok(args.includes(topicName) && args.includes(Buffer.from(payload).toString()))
})

for (const [args, level] of [
  [['--memory'], 'memory'],
  [['--set', 'store.engine=memory'], 'memory'],
  [['--set', 'durability.default=os'], 'os'],
] as const) {
  test(`the banner says ${level} with ${args.join(' ')}`, async () => {
    await using folder = await temporaryFolder()
    const data = level === 'memory' ? [] : ['--data', join(folder.path, 'elsewhere')]
    await using broker = await startBusbar(...args, ...data)
    assert.match(broker.program.stdout, new RegExp(`^ {2}${level}: `, 'm'))
    assert.deepEqual(await readdir(folder.path), level === 'memory' ? [] : ['elsewhere'])
  })
}

test('a folder that another broker uses is exit code 1 and one line', async () => {
  await using folder = await temporaryFolder()
  await using first = await startBusbar('--data', folder.path)
  const args = ['broker', '--port', '0', '--data', folder.path]
  const { code, stdout, stderr } = await runBusbar(...args)
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^busbar: .*is in use by process \d+/m)
  assert.ok(stderr.includes(folder.path), stderr)
  assert.doesNotMatch(stderr, /^ +at /m, 'no stack')
  await using client = await RawClient.open(first.tcp)
  assert.equal((await client.connect()).reasonCode, 0, 'the first one goes on')
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  const skip = signal === 'SIGKILL' && process.platform !== 'linux'
  test(`a broker that ended with ${signal} goes on where it was`, { skip }, async () => {
    await using folder = await temporaryFolder()
    const properties = { sessionExpiryInterval: 600 }
    const fields = { clientIdentifier: 'keeps', cleanStart: false, properties }
    {
      await using broker = await startBusbar('--data', folder.path)
      await using subscriber = await RawClient.open(broker.tcp)
      await subscriber.connect(fields)
      await subscriber.subscribe('a/#', 2)
      await subscriber.leave()
      await using publisher = await RawClient.open(broker.tcp)
      await publisher.connect()
      publisher.publish('a/kept', 'one', { qos: 1, retain: true, packetIdentifier: 1 })
      assert.equal((await publisher.next('puback')).reasonCode, 0)
      const { program } = broker
      // A SIGKILL of the command alone would be noticed.
      if (signal === 'SIGKILL') process.kill(await childOf(program.pid), signal)
      else program.kill(signal)
      await within(program.exited, 'the end of the broker')
    }
    await using broker = await startBusbar('--data', folder.path)
    await using subscriber = await RawClient.open(broker.tcp)
    assert.equal((await subscriber.connect(fields)).sessionPresent, true)
    const { topicName, payload, retain } = await subscriber.next('publish')
    assert.deepEqual([topicName, Buffer.from(payload).toString(), retain], ['a/kept', 'one', false])
    await using other = await RawClient.open(broker.tcp)
    await other.connect({ clientIdentifier: 'other' })
    await other.subscribe('#')
    assert.equal((await other.next('publish')).retain, true)
  })
}

test('brokers on free ports run side by side', async () => {
  await using first = await startBusbar()
  // The command may be left out.
  await using second = await startProgram(busbar, ['--port', '0'], await temporaryFolder())
  for (const url of [first.tcp, first.ws, second.tcp, second.ws]) {
    await using client = await RawClient.open(url)
    assert.equal((await client.connect()).reasonCode, 0)
  }
})

for (const [flag, others] of [
  ['--port', ['--ws-port', '0']],
  ['--ws-port', ['--port', '0']],
] as const) {
  test(`a ${flag} in use is exit code 1 and one line that says what to do`, async () => {
    await using taken = await takenPort()
    const { code, stdout, stderr } = await runBusbar('broker', flag, taken.port, ...others)
    const lines = stderr.split('\n').filter((line) => line.startsWith('busbar: '))
    assert.deepEqual([code, stdout, lines.length], [1, '', 1])
    const [line = ''] = lines
    const holder = process.platform === 'linux' ? ` by .* \\(process ${process.pid}\\)` : ''
    const text = `127.0.0.1:${taken.port}: the port is in use${holder}.*\`${flag} 0\``
    assert.match(line, new RegExp(text))
    assert.doesNotMatch(stderr, / (warn|error) | at .*:\d+:\d+/, 'nothing else, and no stack')
  })
}

const misused = [
  [['broker', '--prot', '0'], /--prot.*did you mean --port\?/],
  [['--prot', '0'], /--prot.*did you mean --port\?/],
  [['broker', '--allow-anonymus'], /did you mean --allow-anonymous\?/],
  [['brokr'], /no command brokr.*did you mean broker\?/],
  [['broker', '--port'], /--port needs a value/],
  [['broker', '--port', '--memory'], /--port needs a value/],
  [['broker', '--memory=yes'], /--memory takes no value/],
  [['broker', 'now'], /takes no now/],
  [['broker', '--port', 'abc'], /--port: .*port: is "abc"; allowed is/],
  [['broker', '--port', '70000'], /--port: .*port: is 70000; allowed is/],
  [['broker', '--log-level', 'loud'], /--log-level: log\.level: is "loud"; allowed is.*debug/],
  [['broker', '--set', 'mqtt.receiveMaximum'], /--set: .*allowed is path=value/],
  [['broker', '--set', 'mqtt.receiveMaximum=0'], /--set: mqtt\.receiveMaximum: is 0; allowed is/],
  [['broker', '--set', 'mqtt.recieveMaximum=5'], /did you mean mqtt\.receiveMaximum\?/],
  [['broker', '--config', 'no/such.yaml'], /no\/such\.yaml: cannot be read: there is no such file/],
] as const

describe('exit code 2 and what to do instead', { concurrency: 4 }, () => {
  for (const [args, message] of misused) {
    test(`busbar ${args.join(' ')}`, async () => {
      const { code, stdout, stderr } = await runBusbar(...args)
      assert.deepEqual([code, stdout], [2, ''])
      assert.match(stderr, message)
      assert.doesNotMatch(stderr, /^ +at /m, 'no stack')
    })
  }
})

test('a bad configuration file is exit code 2 and every error with its line', async () => {
  await using file = await temporaryFile(
    [
      'listeners:', //
      '  - kind: tcp',
      '    port: 70000',
      '  - kind: udp',
      'mqtt:',
      '  recieveMaximum: 5',
      '  maximumQoS: 3',
      'limits:',
      '  queue: { messages: none }',
    ].join('\n'),
  )
  const { code, stderr } = await runBusbar('broker', '--config', file.path)
  assert.equal(code, 2)
  const problems = stderr.split('\n').filter((line) => line.includes(file.path))
  const starts = problems.map((line) => line.split(/;|is /)[0]?.trim())
  assert.deepEqual(starts, [
    `${file.path}:3:5: listeners[0].port:`,
    `${file.path}:4:5: listeners[1].kind:`,
    `${file.path}:6:3: mqtt.recieveMaximum:`,
    `${file.path}:7:3: mqtt.maximumQoS:`,
    `${file.path}:9:12: limits.queue.messages:`,
  ])
})

test('text that is not YAML is exit code 2 with its line', async () => {
  await using file = await temporaryFile('mqtt:\n  silent: [true\n')
  const { code, stderr } = await runBusbar('broker', '--config', file.path)
  assert.equal(code, 2)
  assert.match(stderr, /busbar\.yaml:3:1: /)
})

test('flags win over the file, and --set over both', async () => {
  await using file = await temporaryFile(
    [
      'listeners: [{ kind: tcp, port: 1 }, { kind: ws, port: 2, path: /other }]',
      'mqtt: { receiveMaximum: 5, topicAliasMaximum: 6 }',
    ].join('\n'),
  )
  const args = [
    ...['broker', '--config', file.path, '--port', '0'],
    ...['--set', 'mqtt.topicAliasMaximum=7', '--set', 'mqtt.maximumQoS=1'],
  ]
  await using broker = await startProgram(busbar, args, await temporaryFolder())
  assert.match(broker.ws, /\/other$/)
  await using client = await RawClient.open(broker.tcp)
  const { properties } = await client.connect()
  assert.equal(properties.receiveMaximum, 5)
  assert.equal(properties.topicAliasMaximum, 7)
  assert.equal(properties.maximumQoS, 1)
})

describe('while nobody has to authenticate', { concurrency: 4 }, () => {
  for (const host of ['0.0.0.0', '::', '[::]', '192.0.2.1', 'busbar.invalid']) {
    test(`${host} is refused`, async () => {
      const args = ['broker', '--host', host, '--port', '0', '--ws-port', '0']
      const { code, stdout, stderr } = await runBusbar(...args)
      assert.deepEqual([code, stdout], [2, ''])
      const bare = host.replaceAll(/[[\]]/g, '')
      for (const listener of ['listeners[0].host', 'listeners[1].host']) {
        assert.ok(
          stderr.includes(`--host: ${listener}: is "${bare}", which others can reach`),
          stderr,
        )
      }
      assert.match(stderr, /--allow-anonymous/)
      assert.match(stderr, /`busbar user add NAME`/)
    })
  }
})

// An address for documentation, which no machine has: it cannot be opened, only allowed.
const elsewhere = ['broker', '--host', '192.0.2.1', '--port', '0', '--ws-port', '0']

test('--allow-anonymous allows another address', async () => {
  const { code, stderr } = await runBusbar(...elsewhere, '--allow-anonymous')
  assert.equal(code, 1)
  assert.match(stderr, /^busbar: Cannot listen on 192\.0\.2\.1:0: this machine does not have/m)
})

test('users allow another address', async () => {
  const key = Buffer.alloc(32, 7).toString('base64')
  const scram = `{ salt: QUJDRA==, iterations: 4096, storedKey: ${key}, serverKey: ${key} }`
  const users = `auth: { users: [{ name: jane, scram: ${scram} }] }`
  await using file = await temporaryFile(users)
  const { code } = await runBusbar(...elsewhere, '--config', file.path)
  assert.equal(code, 1)
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  test(`${signal} tells the clients and ends with 0`, async (t) => {
    await using broker = await startBusbar()
    const clients: RawClient[] = []
    for (const url of [broker.tcp, broker.ws]) {
      const client = await RawClient.open(url)
      await client.connect({ clientIdentifier: url })
      clients.push(client)
    }
    const old = await RawClient.open(broker.tcp, 4)
    await old.connect()
    const silent = await RawClient.open(broker.tcp)
    const signalledAt = performance.now()
    broker.program.kill(signal)
    for (const client of clients) {
      const { reasonCode } = await client.next('disconnect')
      assert.equal(reasonCode, 0x8b) // Server shutting down
      await within(client.closed, 'the end of the connection')
    }
    // 3.1.1 has no DISCONNECT from the server, and who has not logged in is told nothing.
    for (const client of [old, silent]) assert.equal(await client.packets.next('the end'), 'closed')
    assert.equal(await within(broker.program.exited, 'the end of the broker'), 0)
    t.diagnostic(`ended in ${Math.round(performance.now() - signalledAt)} ms`)
    assert.match(broker.program.stderr, / info +stopped$/m)
    assert.doesNotMatch(broker.program.stderr, / (warn|error) /)
  })
}

test('without clients it ends with 0 and no complaint', async () => {
  await using broker = await startBusbar()
  broker.program.kill('SIGTERM')
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 0)
  assert.doesNotMatch(broker.program.stderr, / (warn|error) /)
})

test('a second signal ends it at once', async () => {
  // A client that does not read holds the first one up.
  await using broker = await startBusbar('--set', 'limits.closeTimeoutSeconds=600')
  await using stuck = await RawClient.open(broker.tcp)
  await stuck.connect({ clientIdentifier: 'stuck' })
  await stuck.subscribe('flood')
  stuck.pause()
  await using other = await RawClient.open(broker.tcp)
  await other.connect({ clientIdentifier: 'other' })
  const payload = new Uint8Array(1_000_000)
  for (let i = 0; i < 32; i++) other.publish('flood', payload)
  await other.ping()
  broker.program.kill('SIGTERM')
  assert.equal((await other.next('disconnect')).reasonCode, 0x8b)
  broker.program.kill('SIGTERM')
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 1)
  assert.match(broker.program.stderr, /told twice to stop/)
})

test('the broker does not outlive the command', async () => {
  await using broker = await startBusbar()
  await using client = await RawClient.open(broker.tcp)
  await client.connect()
  broker.program.kill('SIGKILL')
  assert.equal((await client.next('disconnect')).reasonCode, 0x8b)
  await within(client.closed, 'the end of the connection')
  // Its output is closed when both processes have ended.
  assert.equal(await within(broker.program.exited, 'the end of the broker'), 'SIGKILL')
})

for (const [command, ...args] of [
  ['npx', '--no', 'busbar', '--', 'broker'],
  ['npm', 'start', '--'],
] as const) {
  const skip = process.platform === 'win32'
  test(`nor ${command}, which ends the shell in between`, { skip }, async () => {
    await using folder = await temporaryFolder()
    const flags = ['--port', '0', '--ws-port', '0', '--data', folder.path]
    await using program = new Program(command, [...args, ...flags], { cwd: root })
    await program.line(/^ {2}try: /)
    program.kill('SIGTERM')
    // Its output is closed when all processes have ended.
    await within(program.exited, 'the end of the broker')
    assert.match(program.stderr, / info +stopped$/m)
  })
}

test('busbar --version', async () => {
  const { code, stdout, stderr } = await runBusbar('--version')
  assert.deepEqual([code, stdout, stderr], [0, `busbar ${version}\n`, ''])
})

for (const args of [['help'], ['--help']]) {
  test(`busbar ${args} names the commands`, async () => {
    const { code, stdout } = await runBusbar(...args)
    assert.equal(code, 0)
    assert.match(stdout, /busbar broker +Runs/)
  })
}

for (const args of [
  ['help', 'broker'],
  ['broker', '--help'],
]) {
  test(`busbar ${args.join(' ')} names the flags`, async () => {
    const { code, stdout } = await runBusbar(...args)
    assert.equal(code, 0)
    for (const flag of ['config', 'host', 'port', 'ws-port', 'allow-anonymous', 'set']) {
      assert.match(stdout, new RegExp(`^ +--${flag} `, 'm'))
    }
  })
}
