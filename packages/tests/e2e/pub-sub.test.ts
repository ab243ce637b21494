import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { busbar, hostAndPort, startBusbar } from '../src/busbar.ts'
import { runCommand, startCommand } from '../src/command-output.ts'
import { eventually } from '../src/deadline.ts'
import { startMosquitto } from '../src/mosquitto-broker.ts'
import { needs } from '../src/needs.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const skip = needs('mosquitto') || needs('mosquitto_pub') || needs('mosquitto_sub')

const pub = (args: readonly string[], input?: string) => runCommand(busbar, ['pub', ...args], input)
const sub = (args: readonly string[]) => runCommand(busbar, ['sub', ...args])

async function brokers() {
  const [ours, mosquitto] = await Promise.all([startBusbar(), startMosquitto()])
  return {
    urls: { Busbar: ours.tcp, Mosquitto: mosquitto.url },
    closedUrl: mosquitto.closedUrl,
    async [Symbol.asyncDispose]() {
      await Promise.all([ours, mosquitto].map((each) => each[Symbol.asyncDispose]()))
    },
  }
}

function at(url: string): string[] {
  const { host, port } = hostAndPort(url)
  return ['-h', host, '-p', port]
}

const payloads = ['x', 'two\nlines\n', 'grün \u{1f50c}', ' spaces ', '\r', 'x'.repeat(100_000)]

test('busbar sub prints what mosquitto_sub prints, byte for byte', { skip }, async (t) => {
  await using started = await brokers()
  await using folder = await temporaryFolder()
  const binary = join(folder.path, 'binary')
  await writeFile(
    binary,
    Uint8Array.from({ length: 256 }, (_, byte) => byte),
  )
  for (const [name, url] of Object.entries(started.urls)) {
    for (const [number, payload] of payloads.entries()) {
      const args = ['-t', `open/${number}`, '-m', payload, '-r', '-q', '1']
      assert.equal((await runCommand('mosquitto_pub', [...at(url), ...args])).code, 0)
    }
    assert.equal((await pub([url, '-t', 'open/binary', '-f', binary, '-r', '-q', '2'])).code, 0)
    for (const more of [[], ['-v', '-q', '2'], ['-v', '-N', '-V', '311']]) {
      const count = String(payloads.length + 1)
      const args = [...at(url), '-t', 'open/#', '-C', count, ...more]
      const theirs = await runCommand('mosquitto_sub', args.map(versionOfMosquitto))
      const ours = await sub(args)
      assert.deepEqual([ours.code, ours.stderr, theirs.code], [0, '', 0])
      assert.ok(ours.stdout.equals(theirs.stdout), `${name}: ${more.join(' ')}`)
      t.diagnostic(`${name}, ${more.join(' ') || 'nothing'}: ${ours.stdout.length} bytes alike`)
    }
  }
})

const versionOfMosquitto = (arg: string) => (arg === '311' ? 'mqttv311' : arg)

const input = 'one\n\nthree\r\nlast'
const ways = [
  [['-l', '-q', '1'], input],
  [['-s'], input],
  [['-n'], ''],
  [['-m', '-dash', '-q', '2'], ''],
] as const

test('busbar pub sends what mosquitto_pub sends', { skip }, async () => {
  await using started = await brokers()
  for (const url of Object.values(started.urls)) {
    // The retained message says that the subscriptions are there.
    const ready = ['-t', 'open/ready', '-m', 'ready', '-r', '-q', '1']
    assert.equal((await runCommand('mosquitto_pub', [...at(url), ...ready])).code, 0)
    await using ours = startCommand(busbar, ['sub', url, '-t', 'open/#', '-v', '-q', '2'])
    const filters = [...at(url), '-t', 'open/#', '-v', '-q', '2']
    await using theirs = startCommand('stdbuf', ['-o0', 'mosquitto_sub', ...filters])
    for (const each of [ours, theirs]) {
      await eventually(() => each.stdout().includes('ready\n'), 'the subscription')
    }
    for (const [args, text] of ways) {
      const given = [...at(url), ...args]
      assert.equal((await pub([...given, '-t', 'open/busbar'], text)).code, 0)
      const { code } = await runCommand('mosquitto_pub', [...given, '-t', 'open/mosquitto'], text)
      assert.equal(code, 0)
    }
    await runCommand('mosquitto_pub', [...at(url), '-t', 'open/end', '-n', '-q', '2'])
    for (const each of [ours, theirs]) {
      await eventually(() => each.stdout().includes('open/end (null)\n'), 'the end')
      each.kill('SIGINT')
    }
    assert.equal((await ours.ended).code, 0)
    assert.equal(ours.stdout().toString(), theirs.stdout().toString())
    const linesOf = (name: string) => ours.stdout().toString().split(`open/${name} `).slice(1)
    assert.equal(linesOf('busbar').length, 7)
    const [sent, expected] = [linesOf('busbar'), linesOf('mosquitto')]
    for (const [number, text] of sent.entries()) {
      assert.equal(text.replace(/open\/.*/s, ''), expected[number]?.replace(/open\/.*/s, ''))
    }
  }
})

const alike = [
  ['sub', ['-t', 'nothing', '-W', '1'], 27, /^Timed out\n$/],
  ['sub', ['-t', 'a#'], 1, /^Error: Invalid subscription topic 'a#', are all /],
  ['pub', ['-t', 'a/+', '-m', 'x'], 1, /^Error: Invalid publish topic 'a\/\+', does it contain /],
  ['pub', ['-t', 'a'], 1, /Error: Both topic and message must be supplied\.\n/],
] as const

test('exit codes and complaints are those of Mosquitto', { skip }, async () => {
  await using started = await brokers()
  for (const [command, args, code, message] of alike) {
    const given = [...at(started.urls.Mosquitto), ...args]
    const theirs = await runCommand(`mosquitto_${command}`, given)
    const ours = await runCommand(busbar, [command, ...given])
    for (const { code: actual, stderr } of [theirs, ours]) {
      assert.equal(actual, code, args.join(' '))
      assert.match(stderr, message)
    }
  }
})

test('a refusal of the broker is the exit code', { skip }, async () => {
  await using started = await brokers()
  const { closedUrl: closed } = started
  const refusals = [
    [['pub', closed, '-t', 'open/a', '-m', 'x'], 135, /not authorized/i],
    [['pub', closed, '-t', 'open/a', '-m', 'x', '-V', '311'], 5, /not authorized/i],
    [['sub', closed, '-t', 'open/a'], 135, /not authorized/i],
    // Where mosquitto_pub says that all is well.
    [['pub', started.urls.Mosquitto, '-t', 'no', '-m', 'x', '-q', '1'], 135, /not authorized/i],
    [['sub', 'mqtt://127.0.0.1:1', '-t', 'a'], 1, /^Error: Connection refused\n$/],
  ] as const
  for (const [args, code, message] of refusals) {
    const ended = await runCommand(busbar, args)
    assert.equal(ended.code, code, args.join(' '))
    assert.match(ended.stderr, message)
  }
})
