import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { tryConfig } from './config-check.ts'
import { ConfigError } from './config-error.ts'
import { parseConfigText } from './config-file.ts'

const folder = mkdtempSync(join(tmpdir(), 'busbar-check-'))
after(() => rmSync(folder, { recursive: true }))
const [empty, list] = ['empty', 'list.yaml'].map((name) => join(folder, name))
writeFileSync(empty ?? '', '')
writeFileSync(list ?? '', '- 1\n')

async function problemsOf(text: string): Promise<string[]> {
  const { input, source } = parseConfigText(text, 'a.yaml')
  const error = await tryConfig(input, source).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (error === undefined) return []
  assert.ok(error instanceof ConfigError)
  return error.message.split('\n').map((line) => line.replaceAll(folder, 'DIR'))
}

const rows: readonly [name: string, text: string, problems: readonly RegExp[]][] = [
  [
    'mistakes of every kind, line by line',
    `listners: []
listeners:
  - { kind: tcp, port: 70000 }
  - { kind: ws, port: 1, tls: { certificate: none.crt, key: none.key } }
auth:
  passwordFile: none
  jwt: { jwksUrl: 'http://192.0.2.1/', algorithms: [none], audience: a }
  http: { url: 'http://127.0.0.1:1/', authorizationFile: none }
access:
  file: none.yaml
  rules:
    - { allow: [publish], deny: [publish], topics: ['a/#/b'] }
  shadow: { file: ${list} }
`,
    [
      /^a\.yaml:1:1: listners: is not a setting; did you mean listeners\?$/,
      /^a\.yaml:3:18: listeners\[0]\.port: is 70000; allowed/,
      /^a\.yaml:4:\d+: listeners\[1]\.tls\.certificate: is "none\.crt"/,
      /^a\.yaml:4:\d+: listeners\[1]\.tls\.key: is "none\.key"/,
      /^a\.yaml:6:3: auth\.passwordFile: is "none", which cannot be read: .*`busbar user add`/,
      /^a\.yaml:7:10: auth\.jwt\.jwksUrl: is at "http:\/\/192\.0\.2\.1", readable/,
      /^a\.yaml:7:53: auth\.jwt\.algorithms\[0]: is "none"; allowed/,
      /^a\.yaml:8:\d+: auth\.http\.authorizationFile: is "none", which cannot be read/,
      /^a\.yaml:10:3: access\.file: is "none\.yaml", which cannot be read: there is no such file$/,
      /^a\.yaml:12:7: access\.rules\[0]: has allow and deny; allowed is one of them$/,
      /^a\.yaml:12:\d+: access\.rules\[0]\.topics\[0]: is "a\/#\/b"/,
      /^DIR\/list\.yaml:1:1: is a list; allowed/,
    ],
  ],
  [
    'all files that are not there',
    `listeners: [{ kind: tcp, tls: { certificate: none.crt, key: none.key } }]
auth: { passwordFile: ${empty}, jwt: { secretFile: none, audience: a } }
`,
    [
      /^a\.yaml:1:33: listeners\[0]\.tls\.certificate: is "none\.crt"/,
      /^a\.yaml:1:56: listeners\[0]\.tls\.key: is "none\.key"/,
      /^a\.yaml:2:9: auth\.passwordFile: is "DIR\/empty", which has no users/,
      /^a\.yaml:2:\d+: auth\.jwt\.secretFile: is "none", which cannot be read/,
    ],
  ],
  [
    'sections that are none',
    `listeners: 5
auth: { users: 7, jwt: [1], http: 4 }
access: { rules: [5, { allow: 3, topics: 5 }], shadow: 4 }
limits: { output: 6 }
`,
    [
      /^a\.yaml:1:1: listeners: is 5/,
      /^a\.yaml:2:9: auth\.users: is 7/,
      /^a\.yaml:2:19: auth\.jwt: is a list/,
      /^a\.yaml:2:29: auth\.http: is 4/,
      /access\.rules\[0]: is 5/,
      /access\.rules\[1]\.allow: is 3/,
      /access\.rules\[1]\.topics: is 5/,
      /access\.shadow: is 4/,
      /^a\.yaml:4:11: limits\.output: is 6/,
    ],
  ],
  ['what is no section at all', '- 1', [/^a\.yaml:1:1: is a list; allowed is a section/]],
  ['nothing', '', []],
]

for (const [name, text, expected] of rows) {
  test(`all at once: ${name}`, async () => {
    const problems = await problemsOf(text)
    assert.equal(problems.length, expected.length, problems.join('\n'))
    for (const [at, pattern] of expected.entries()) assert.match(problems[at] ?? '', pattern)
  })
}
