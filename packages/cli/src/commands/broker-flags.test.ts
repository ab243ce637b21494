import assert from 'node:assert/strict'
import { test } from 'node:test'
import { overrideConfig, parseConfig } from '@busbar/broker'
import { readArguments } from '../command.ts'
import { brokerCommand } from './broker.ts'
import { brokerOverrides } from './broker-flags.ts'

/** The configuration that a file and a command line make together. */
function configOf(input: unknown, line: string) {
  const given = readArguments(brokerCommand, line.split(' ').filter(Boolean))
  const file = { input, source: { locate: () => 'file' } }
  const changed = overrideConfig(file, brokerOverrides(given, input))
  return parseConfig(changed.input, changed.source)
}

const both = {
  listeners: [
    { kind: 'tcp', port: 1 },
    { kind: 'ws', port: 2 },
  ],
}
const twoTcp = {
  listeners: [
    { kind: 'tcp', port: 1 },
    { kind: 'tcp', port: 2 },
  ],
}
const onlyWebSocket = { listeners: [{ kind: 'ws', port: 2 }] }

const ports = [
  ['the defaults', {}, '', 'tcp 1883, ws 8083'],
  ['another port moves the WebSocket out of the way', {}, '--port 1884', 'tcp 1884, ws 0'],
  ['the usual port does not', {}, '--port 1883', 'tcp 1883, ws 8083'],
  ['a free port', {}, '--port 0', 'tcp 0, ws 0'],
  ['both', {}, '--port 1884 --ws-port 8084', 'tcp 1884, ws 8084'],
  ['only the WebSocket port', {}, '--ws-port 8084', 'tcp 1883, ws 8084'],
  ['a file', both, '', 'tcp 1, ws 2'],
  ['a port over a file leaves its WebSocket', both, '--port 3', 'tcp 3, ws 2'],
  ['a free port over a file does not', both, '--port 0', 'tcp 0, ws 0'],
  ['a WebSocket port over a file', both, '--ws-port 3', 'tcp 1, ws 3'],
  ['the first of two', twoTcp, '--port 3', 'tcp 3, tcp 2'],
  ['a listener that the file lacks', onlyWebSocket, '--port 3', 'ws 2, tcp 3'],
  ['a WebSocket that the file lacks', twoTcp, '--ws-port 3', 'tcp 1, tcp 2, ws 3'],
  ['no WebSocket, none moved', twoTcp, '--port 0', 'tcp 0, tcp 2'],
] as const

for (const [name, input, line, expected] of ports) {
  test(`ports: ${name}: busbar ${line}`, () => {
    const { listeners } = configOf(input, line)
    assert.equal(
      listeners.map((each) => `${each.kind} ${each.kind !== 'unix' && each.port}`).join(', '),
      expected,
    )
  })
}

test('--host is for all listeners, the added ones too', () => {
  const { listeners } = configOf(onlyWebSocket, '--host [::1] --port 3')
  assert.deepEqual(
    listeners.map((each) => each.kind !== 'unix' && each.host),
    ['::1', '::1'],
  )
})

test('--host passes a Unix socket by', () => {
  const unix = { kind: 'unix', path: 'a.sock' }
  const { listeners } = configOf({ listeners: [unix, { kind: 'tcp' }] }, '--host ::1')
  assert.deepEqual(
    listeners.map((each) => (each.kind === 'unix' ? each.path : each.host)),
    ['a.sock', '::1'],
  )
})

test('flags win over the file, and --set over flags', () => {
  const file = { log: { level: 'error', format: 'json' }, auth: { allowAnonymous: false } }
  const { log, auth, store } = configOf(file, '--log-level warn --allow-anonymous --memory')
  assert.deepEqual(log, { level: 'warn', format: 'json' })
  assert.equal(auth.allowAnonymous, true)
  assert.equal(store.engine, 'memory')
  assert.equal(configOf(file, '--log-level warn --set log.level=debug').log.level, 'debug')
})

const refused = [
  [
    '{}',
    '--port x',
    '--port: listeners[0].port: is "x"; allowed is a whole number from 0 to 65535',
  ],
  [
    '{}',
    '--port 65536',
    '--port: listeners[0].port: is 65536; allowed is a whole number from 0 to 65535',
  ],
  ['{}', '--ws-port -1', '--ws-port needs a value: --ws-port N'],
  ['{"listeners":5}', '--port 1', 'file: listeners: is 5; allowed is a list'],
  [
    '{"listeners":[5]}',
    '--log-level warn',
    'file: listeners[0]: is 5; allowed is a section with kind',
  ],
] as const

for (const [input, line, message] of refused) {
  test(`refuses ${line} over ${input}`, () => {
    assert.throws(() => configOf(JSON.parse(input), line), { message })
  })
}

test('--workers is the number of workers', () => {
  assert.equal(configOf({}, '').workers, 0)
  assert.equal(configOf({ workers: 2 }, '--workers 3').workers, 3)
})
