import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from './config.ts'
import { ConfigError } from './config-error.ts'
import { parseConfigText, readConfigFile } from './config-file.ts'

function messages(text: string): string[] {
  try {
    const file = parseConfigText(text, 'b.yaml')
    parseConfig(file.input, file.source)
    return []
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.message.split('\n')
  }
}

const accepted = [
  ['nothing', ''],
  ['a comment', '# nothing\n'],
  ['sections that are commented out', 'mqtt:\n#  silent: true\nlimits:\n  queue:\n'],
  ['JSON', '{"mqtt": {"silent": true}, "listeners": []}'],
  ['an anchor', 'limits: {queue: &a {messages: 5}}\nlog: &b {level: warn}\n'],
] as const

for (const [name, text] of accepted) {
  test(`reads ${name}`, () => assert.deepEqual(messages(text), []))
}

const located = [
  ['a value', 'log:\n  level: loud\n', /^b.yaml:2:3: log.level: is "loud"; /],
  ['an unknown key', 'log:\n  level: warn\nlgo: 1\n', /^b.yaml:3:1: lgo: is not a setting; /],
  [
    'an entry of a list',
    'listeners:\n  - kind: tcp\n  - kind: ws\n    port: -1\n',
    /^b.yaml:4:5: listeners\[1\].port: is -1; /,
  ],
  [
    'what is missing',
    'listeners:\n  - kind: tcp\n  - port: 1\n',
    /^b.yaml:3:5: listeners\[1\].kind: is missing; /,
  ],
  ['what an alias repeats', 'log: &a {level: loud}\nsys: *a\n', /^b.yaml:1:10: log.level: /m],
  [
    'yes, which is text in YAML 1.2',
    'mqtt: {silent: yes}\n',
    /^b.yaml:1:8: mqtt.silent: is "yes"; /,
  ],
  ['a tab', 'log:\n\tlevel: warn\n', /^b.yaml:2:1: /],
  ['an open bracket', 'listeners: [\n', /^b.yaml:2:1: /],
  ['a key given twice', 'log: {}\nlog: {}\n', /^b.yaml:2:1: Map keys must be unique/],
  ['two documents', 'log: {}\n---\nlog: {}\n', /^b.yaml:\d:\d: /],
  ['an unknown tag', 'log: !js {}\n', /^b.yaml:1:6: Unresolved tag: !js/],
  ['an unknown anchor', 'log: *a\n', /^b.yaml(:1:6)?: .*[Uu]nresolved alias/],
] as const

for (const [name, text, expected] of located) {
  test(`points to ${name}`, () => assert.match(messages(text).join('\n'), expected))
}

test('an explosion of aliases is refused', () => {
  const lines = ['a: &a0 [x, x, x, x, x, x, x, x, x]']
  for (let level = 1; level < 10; level++) {
    lines.push(
      `b${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    )
  }
  assert.match(messages(lines.join('\n'))[0] ?? '', /^b.yaml: Excessive alias count/)
})

test('a circle of aliases is refused', () => {
  assert.notDeepEqual(messages('mqtt: &a\n  silent: *a\n'), [])
})

test('reads a file, and says why it cannot', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-config-'))
  try {
    const path = join(folder, 'busbar.yaml')
    await writeFile(path, '\ufefflog: {level: warn}\n')
    const file = await readConfigFile(path)
    assert.equal(parseConfig(file.input, file.source).log.level, 'warn')
    const missing = join(folder, 'missing.yaml')
    await assert.rejects(readConfigFile(missing), {
      name: 'ConfigError',
      message: `${missing}: cannot be read: there is no such file`,
    })
    await assert.rejects(readConfigFile(folder), /cannot be read: it is a folder$/)
    await writeFile(path, Uint8Array.of(0x61, 0xff))
    await assert.rejects(readConfigFile(path), /cannot be read: it is not UTF-8 text$/)
  } finally {
    await rm(folder, { recursive: true })
  }
})
