import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { busbarKind, commandKind } from '../src/crash/broker-process.ts'
import { describeViolation, runCrashes } from '../src/crash/crash-run.ts'
import { fillLimited } from '../src/crash/full-run.ts'
import { eventually, within } from '../src/deadline.ts'
import { Program, run } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const script = fileURLToPath(new URL('../src/crash/crash-test.ts', import.meta.url))
const runScript = (...args: readonly string[]) =>
  run(process.execPath, ['-C', '@busbar/source', script, ...args])

// Most of the time goes to starts: compiled modules are kept from one to the next.
const { NODE_COMPILE_CACHE: cacheBefore } = process.env
const cache = await temporaryFolder()
process.env.NODE_COMPILE_CACHE = cache.path
after(async () => {
  if (cacheBefore === undefined) delete process.env.NODE_COMPILE_CACHE
  else process.env.NODE_COMPILE_CACHE = cacheBefore
  await cache[Symbol.asyncDispose]()
})

// The long form is `npm run crash-test`. SIGTERM comes first, since it is what fills the cache.
const rows = [
  ['SIGTERM, level disk', 'SIGTERM', 'disk', 2],
  ['kill -9, level disk', 'SIGKILL', 'disk', 15],
  ['kill -9, level os', 'SIGKILL', 'os', 5],
] as const
const loadMs = 400

for (const [name, signal, level, cycles] of rows) {
  test(`${name}: nothing that was acknowledged is lost, and QoS 2 comes once`, async () => {
    const report = await runCrashes({ kind: busbarKind(level), signal, cycles, loadMs, seed: 1 })
    assert.deepEqual(report.violations.map(describeViolation), [])
    assert.ok(report.counts.acked > 100 && report.counts.received > report.counts.acked)
  })
}

test('a full database: refused and not lost, QoS 0 goes on, and with room all is well', async () => {
  const kind = busbarKind('disk', ['store.maximumBytes=8388608'])
  const scene = { seed: 1, number: 1, isKilled: true, logs: undefined }
  const { violations, refused, closed, passed } = await fillLimited(kind, scene)
  assert.deepEqual(
    violations.map(({ rule, text }) => `${rule}: ${text}`),
    [],
  )
  assert.ok(refused + closed > 0 && passed > 0)
})

test('a broker that is started by a command and speaks 3.1.1 alone', async () => {
  const [command, args] = busbarKind('disk').command('{data}', 0)
  const words = [command, ...args].map((word) => `'${word}'`).join(' ')
  const kind = commandKind(words.replace("'--port' '0'", "'--port' '{port}'"))
  const options = { kind, signal: 'SIGKILL', cycles: 1, loadMs, seed: 1 } as const
  const { violations, counts } = await runCrashes({ ...options, spoken: '3.1.1' })
  assert.deepEqual(violations.map(describeViolation), [])
  assert.ok(counts.acked > 0)
})

test('a broker that keeps nothing is found out', async () => {
  const kind = busbarKind('disk', ['store.engine=memory'])
  // Several, since one can fall into a moment when too little is on its way to break all three rules.
  const { violations, counts } = await runCrashes({ kind, signal: 'SIGKILL', cycles: 3, seed: 1 })
  assert.ok(counts.lost > 0)
  const rules = new Set(violations.map(({ rule }) => rule))
  for (const rule of ['I1', 'I5', 'I6'] as const)
    assert.ok(rules.has(rule), `no violation of ${rule}`)
})

test('the script says what is wrong with its arguments', async () => {
  assert.deepEqual(await runScript('--mode', 'flood'), {
    code: 2,
    stdout: '',
    stderr: '--mode is flood; allowed is kill, term, full\n',
  })
  const { code, stderr } = await runScript('--cycles', 'many')
  assert.deepEqual([code, stderr], [2, '--cycles is many; allowed is a number\n'])
  const missing = await runScript('--start', 'no-such-broker {port}')
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /^no-such-broker \{port\} ended by itself \(127\)/)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`a script that is ended by ${signal} leaves no files and no process`, async () => {
    await using folder = await temporaryFolder()
    const env = { ...process.env, TMPDIR: folder.path }
    await using program = new Program(process.execPath, ['-C', '@busbar/source', script], { env })
    const locks = () =>
      readdirSync(folder.path, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('busbar.lock'))
        .map((name) => readFileSync(join(folder.path, name), 'utf8').trim())
    await eventually(() => Number(locks()[0]) > 0, 'a broker on its data folder')
    const broker = Number(locks()[0])
    program.kill(signal)
    assert.equal(await within(program.exited, 'the end'), signal === 'SIGINT' ? 130 : 143)
    assert.deepEqual(readdirSync(folder.path), [])
    await eventually(() => !isRunning(broker), 'the end of the broker')
  })
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
