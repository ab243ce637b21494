import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { startBroker } from '../broker.ts'
import type { ConfigInput } from '../config.ts'
import { silentLog } from '../log.ts'
import { StoreOpenError } from '../store/errors.ts'
import { storeFile } from '../store/file-names.ts'
import { askBroker, ControlError } from './control-client.ts'
import { controlPath, longestRequest } from './control-socket.ts'

const root = mkdtempSync(join(tmpdir(), 'busbar-control-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = () => join(root, `${++folders}`)
const skip = process.platform === 'win32'

const listeners: ConfigInput['listeners'] = [{ kind: 'tcp', port: 0 }]
const start = (dir: string, log = silentLog) =>
  startBroker({ listeners, store: { dir }, sys: { intervalSeconds: 0 } }, { log })

/** What comes back until the broker closes. */
async function talk(folder: string, ...parts: readonly string[]): Promise<unknown[]> {
  const socket = connect(controlPath(folder)).setEncoding('utf8')
  let received = ''
  socket.on('data', (text) => {
    received += text
  })
  for (const part of parts) socket.write(part)
  socket.end()
  await once(socket, 'close')
  return received.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]))
}

describe('the control socket', { skip, timeout: 60_000 }, () => {
  test('is there for the user of the broker, and gone with it', async () => {
    const folder = newFolder()
    {
      await using broker = await start(folder)
      assert.equal(statSync(controlPath(folder)).mode & 0o777, 0o600)
      const { addresses, processId } = await askBroker(folder, { request: 'status' })
      assert.deepEqual(addresses, broker.addresses)
      assert.equal(processId, process.pid)
    }
    assert.ok(!existsSync(controlPath(folder)))
    await assert.rejects(askBroker(folder, { request: 'status' }), { kind: 'absent' })
  })

  test('is not there without a data folder', async () => {
    const dir = newFolder()
    await using _ = await startBroker(
      { listeners, store: { engine: 'memory', dir } },
      { log: silentLog },
    )
    assert.ok(!existsSync(dir))
    await assert.rejects(askBroker(dir, { request: 'status' }), /No broker runs on/)
  })

  test('replaces the one that a killed broker has left', async () => {
    const folder = newFolder()
    await (await start(folder)).close()
    // Ends without closing anything.
    const script = `require('node:net').createServer().listen(${JSON.stringify(controlPath(folder))}, () => process.kill(process.pid, 'SIGKILL'))`
    await assert.rejects(promisify(execFile)(process.execPath, ['-e', script]))
    assert.ok(existsSync(controlPath(folder)))
    await assert.rejects(askBroker(folder, { request: 'status' }), { kind: 'absent' })
    await using _ = await start(folder)
    assert.equal((await askBroker(folder, { request: 'status' })).statistics.sessions, 0)
  })

  test('leaves alone what is no socket, and the broker runs without', async () => {
    const folder = newFolder()
    await (await start(folder)).close()
    writeFileSync(controlPath(folder), 'mine')
    const warnings: unknown[] = []
    const log = { ...silentLog, warn: (...said: unknown[]) => warnings.push(said) }
    await using broker = await start(folder, log)
    assert.match(JSON.stringify(warnings), /no control socket.*is there and no socket/)
    assert.match(broker.url, /^mqtt:/)
    assert.equal(statSync(controlPath(folder)).size, 4)
  })

  test('cannot be where the path is too long', async () => {
    const folder = join(newFolder(), 'x'.repeat(120))
    const warnings: unknown[] = []
    const log = { ...silentLog, warn: (...said: unknown[]) => warnings.push(said) }
    await using _ = await start(folder, log)
    assert.match(JSON.stringify(warnings), /is too long for a socket/)
    await assert.rejects(askBroker(folder, { request: 'status' }), /is too long for a socket/)
  })

  test('stays with the first of two brokers on one folder', async () => {
    const folder = newFolder()
    await using first = await start(folder)
    await assert.rejects(start(folder), StoreOpenError)
    const { addresses } = await askBroker(folder, { request: 'status' })
    assert.deepEqual(addresses, first.addresses)
    // The second was in this process, which must not have lost its lock by that.
    const script = `new (require('node:sqlite').DatabaseSync)(${JSON.stringify(storeFile(folder))}).exec('SELECT * FROM session')`
    await assert.rejects(
      promisify(execFile)(process.execPath, ['--no-warnings', '-e', script]),
      /database is locked/,
    )
  })

  const refused: [name: string, line: string, message: RegExp][] = [
    ['bad JSON', '{"request"', /^A request is one line of JSON: /],
    ['no line', '', /^A request is one line of JSON: /],
    ['a number', '1', /^A request is an object with its name, such as /],
    ['null', 'null', /^A request is an object with its name, such as /],
    ['a name that is none', '{"request":1}', /^The name of a request is text$/],
    ['an unknown request', '{"request":"statu"}', /^There is no request "statu"; did you mean /],
    ['a prototype', '{"request":"__proto__"}', /^There is no request "__proto__"; /],
    ['what does not belong there', '{"request":"status","a":1}', /^status: a is not /],
  ]

  test('answers what it cannot understand, and goes on', async () => {
    const folder = newFolder()
    await using _ = await start(folder)
    const lines = refused.flatMap(([, line]) => [`${line}\n`, '{"request":"losses"}\n'])
    const replies = await talk(folder, lines.join(''))
    for (const [at, [name, , message]] of refused.entries()) {
      assert.match((replies[2 * at] as { error: string }).error, message, name)
      assert.deepEqual(replies[2 * at + 1], { answer: { total: {}, clients: [] } }, name)
    }
    assert.equal(replies.length, lines.length)
  })

  test('takes a request in pieces, and several at once', async () => {
    const folder = newFolder()
    await using _ = await start(folder)
    const replies = await talk(folder, '{"requ', 'est":"losses"}\n{"request":', '"losses"}\n{')
    assert.equal(replies.length, 2)
  })

  for (const [name, text] of [
    ['without an end', 'x'.repeat(longestRequest + 1)],
    ['with an end', `${'x'.repeat(longestRequest + 1)}\n{"request":"losses"}\n`],
    ['without any measure', 'x'.repeat(64 * longestRequest)],
  ] as const) {
    test(`a line too long, ${name}, is refused, and only that connection closed`, async () => {
      const folder = newFolder()
      await using _ = await start(folder)
      const replies = await talk(folder, '{"request":"losses"}\n', text)
      assert.deepEqual(replies.slice(1), [
        { error: `A request has ${longestRequest} characters at most` },
      ])
      await askBroker(folder, { request: 'losses' })
    })
  }

  test('takes no more than it can serve', async () => {
    const folder = newFolder()
    await using _ = await start(folder)
    const sockets = Array.from({ length: 20 }, () => connect(controlPath(folder)))
    const closed = sockets.map((socket) => once(socket.resume(), 'close'))
    await Promise.race(closed)
    for (const socket of sockets) socket.destroy()
    await Promise.all(closed)
    await askBroker(folder, { request: 'losses' })
  })

  test('a client that says nothing does not hold up the end', async () => {
    const folder = newFolder()
    const broker = await start(folder)
    const socket = connect(controlPath(folder))
    await once(socket, 'connect')
    const closed = once(socket.resume(), 'close')
    await broker.close()
    await closed
  })
})

const failures: [name: string, reply: string, expected: RegExp | object][] = [
  ['a no', '{"error":"so not"}\n', { kind: 'refused', message: 'so not' }],
  ['an end instead of an answer', '', /^ControlError: The broker ended before it had answered$/],
  ['an answer that is none', 'x\n', /control.sock cannot be used: Unexpected token/],
]

for (const [name, reply, expected] of failures) {
  test(`who asks is told of ${name}`, { skip }, async () => {
    const folder = mkdtempSync(join(root, 'fake-'))
    const server = createServer((socket) => void socket.end(reply)).listen(controlPath(folder))
    await once(server, 'listening')
    await assert.rejects(askBroker(folder, { request: 'status' }), expected)
    server.close()
  })
}

test('who asks does not wait for ever', { skip }, async () => {
  const folder = mkdtempSync(join(root, 'mute-'))
  const server = createServer().listen(controlPath(folder))
  await once(server, 'listening')
  const asked = askBroker(folder, { request: 'status' }, 20)
  await assert.rejects(asked, (error) => error instanceof ControlError && error.kind === 'failed')
  server.close()
})
