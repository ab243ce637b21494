import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from './config.ts'
import { parseConfigText } from './config-file.ts'
import { overrideConfig, parseOverride } from './config-override.ts'

function configOf(text: string, ...sets: string[]) {
  const file = parseConfigText(text, 'b.yaml')
  const { input, source } = overrideConfig(
    file,
    sets.map((set) => parseOverride(set, '--set')),
  )
  return parseConfig(input, source)
}

test('settings win over the file, and the last one over the others', () => {
  const config = configOf(
    'mqtt: {receiveMaximum: 5, silent: true}\n',
    'mqtt.receiveMaximum=6',
    'mqtt.receiveMaximum=7',
    'limits.queue.messages=8',
    'mqtt.serverReference=a=b',
  )
  const { receiveMaximum, silent, serverReference } = config.mqtt
  assert.deepEqual([receiveMaximum, silent, serverReference], [7, true, 'a=b'])
  assert.equal(config.limits.queue.messages, 8)
})

test('the file itself stays as it is', () => {
  const file = parseConfigText('listeners: [{kind: tcp}]\n', 'b.yaml')
  const before = structuredClone(file.input)
  overrideConfig(file, [parseOverride('listeners[0].port=5', '--set')])
  assert.deepEqual(file.input, before)
})

test('a value is YAML', () => {
  const config = configOf(
    '',
    'listeners=[{kind: ws, port: 0}]',
    'log={level: warn}',
    'mqtt.silent=true',
  )
  assert.deepEqual(config.listeners, [
    { kind: 'ws', host: '127.0.0.1', port: 0, path: '/mqtt', origins: [] },
  ])
  assert.equal(config.log.level, 'warn')
  assert.equal(config.mqtt.silent, true)
})

test('an entry of a list that the file does not have changes the default list', () => {
  const { listeners } = configOf('', 'listeners[1].port=1', 'listeners[2]={kind: tcp, port: 2}')
  assert.deepEqual(
    listeners.map((each) => [each.kind, each.kind !== 'unix' && each.port]),
    [
      ['tcp', 1_883],
      ['ws', 1],
      ['tcp', 2],
    ],
  )
})

const refused = [
  [
    'no value',
    '',
    'mqtt.silent',
    '--set: is "mqtt.silent"; allowed is path=value, as in mqtt.receiveMaximum=5',
  ],
  ['no path', '', '=1', '--set: is "=1"; allowed is path=value, as in mqtt.receiveMaximum=5'],
  [
    'the prototype',
    '',
    '__proto__.a=1',
    '--set: is "__proto__.a=1"; allowed is path=value, as in mqtt.receiveMaximum=5',
  ],
  ['a bad value', '', 'mqtt.silent=5', '--set: mqtt.silent: is 5; allowed is true or false'],
  ['a typing error', '', 'mqqt.silent=true', '--set: mqqt: is not a setting; did you mean mqtt?'],
  ['a path below a value', 'log: 5', 'log.level=warn', '--set: log.level: is not a setting'],
  ['an index into a section', '', 'log[0]=1', '--set: log[0]: is not a setting'],
  [
    'a hole in a list',
    '',
    'listeners[5].port=1',
    '--set: listeners[5].port: is past the end of the list, which has 2 entries',
  ],
  [
    'a mistake of the file',
    'sys: {intervalSeconds: x}',
    'log.level=warn',
    'b.yaml:1:7: sys.intervalSeconds: is "x"; allowed is a whole number from 0 to 86400',
  ],
] as const

for (const [name, text, set, message] of refused) {
  test(`refuses ${name}`, () =>
    assert.throws(() => configOf(text, set), { name: 'ConfigError', message }))
}

test('refuses a value that is not YAML', () => {
  assert.throws(() => parseOverride('mqtt.silent=[', '--set'), {
    message: /^--set: mqtt.silent has a value that is not YAML: /,
  })
})
