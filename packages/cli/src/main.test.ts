import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const bin = fileURLToPath(new URL('../bin/busbar.js', import.meta.url))

/** A broker in memory, started as a user would. */
class Running implements AsyncDisposable {
  readonly child: ChildProcess
  out = ''
  err = ''

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [bin, ...args, '--memory'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => {
      this.out += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text) => {
      this.err += text
    })
  }

  /** Waits for the banner and returns the address of a listener. */
  async address(kind: 'mqtt' | 'ws'): Promise<URL> {
    const found = () => new RegExp(`${kind}://\\S+`).exec(this.out)?.[0]
    while (found() === undefined || !this.out.includes('try: ')) {
      if (this.child.exitCode !== null) assert.fail(`ended before it listened: ${this.err}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    return new URL(found() ?? '')
  }

  async exitCode(): Promise<number | null> {
    // `close`, so that everything it said is here.
    if (this.child.exitCode === null) await once(this.child, 'close')
    return this.child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    this.child.kill('SIGTERM')
    await once(this.child, 'exit')
  }
}

async function isListening(url: URL): Promise<boolean> {
  const socket = connect(Number(url.port), url.hostname)
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

describe('the process', { concurrency: true, timeout: 30_000 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} stops the broker cleanly`, async () => {
      await using running = new Running(['--port', '0', '--log-level', 'warn'])
      const url = await running.address('mqtt')
      assert.ok(await isListening(url))
      assert.ok(await isListening(await running.address('ws')))
      assert.match(running.out, /memory: messages are lost when the broker stops/)
      assert.match(running.out, new RegExp(`mosquitto_pub -h 127.0.0.1 -p ${url.port} -t hello`))
      assert.doesNotMatch(running.out, /warning/)
      running.child.kill(signal)
      assert.equal(await running.exitCode(), 0, running.err)
      assert.equal(running.err, '')
    })
  }

  test('a broker without its starter ends', async () => {
    await using running = new Running(['--port', '0'])
    const url = await running.address('mqtt')
    running.child.kill('SIGKILL')
    await once(running.child, 'exit')
    while (await isListening(url)) await new Promise((resolve) => setTimeout(resolve, 20))
  })

  test('a port in use ends with 1 and names its holder', async () => {
    await using first = new Running(['--port', '0'])
    const { port } = await first.address('mqtt')
    await using second = new Running(['--port', port])
    assert.equal(await second.exitCode(), 1)
    const holder = process.platform === 'linux' ? ' by busbar \\(process \\d+\\)' : '.*'
    assert.match(
      second.err,
      new RegExp(
        `busbar: Cannot listen on 127.0.0.1:${port}: the port is in use${holder}; .--port 0`,
      ),
    )
  })

  test('reads a file, whose errors have places', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'busbar-cli-'))
    try {
      const file = join(folder, 'busbar.yaml')
      await writeFile(file, 'listeners:\n  - kind: tcp\n    port: 0\nlog:\n  level: error\n')
      await using running = new Running(['--config', file])
      await running.address('mqtt')
      assert.doesNotMatch(running.out, /ws:/)
      await writeFile(file, 'log:\n  level: loud\nlistners: []\n')
      await using other = new Running(['--config', file])
      assert.equal(await other.exitCode(), 2)
      assert.match(other.err, /busbar.yaml:2:3: log.level: .*\n.*busbar.yaml:3:1: listners: .*\n$/)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})
