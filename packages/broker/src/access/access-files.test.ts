import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseConfig } from '../config.ts'
import { ConfigError } from '../config-error.ts'
import { parseConfigText } from '../config-file.ts'
import { loadPolicies } from './load-policies.ts'
import { importMosquittoAcl } from './mosquitto-acl.ts'
import { readPolicyTests, runPolicyTests } from './policy-tests.ts'
import { compileRules, SubjectRules } from './rules.ts'

async function withFile<T>(text: string, work: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-access-'))
  try {
    const path = join(folder, 'file.yaml')
    await writeFile(path, text)
    return await work(path)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('without authentication, rules and file there is no policy; with any of them it denies', async () => {
  assert.equal(await loadPolicies(parseConfig({}), false), undefined)
  const guarded = await loadPolicies(parseConfig({}), true)
  assert.equal(guarded?.policy.isAllowingOtherwise, false)
  const rules = [{ allow: ['publish'] as const, topics: ['a'] }]
  const ruled = await loadPolicies(parseConfig({ access: { rules } }), false)
  assert.equal(ruled?.policy.isAllowingOtherwise, false)
  const open = await loadPolicies(parseConfig({ access: { default: 'allow', rules } }), true)
  assert.equal(open?.policy.isAllowingOtherwise, true)
})

test('rules of a file come after those beside it; an empty list denies everything', async () => {
  const text = 'rules:\n  - { allow: [publish], topics: [b] }\n'
  await withFile(text, async (file) => {
    const rules = [{ name: 'first', deny: ['publish'] as const, topics: ['a'] }]
    const policies = await loadPolicies(parseConfig({ access: { rules, file } }), false)
    assert.deepEqual(
      policies?.policy.rules.map(({ label }) => label),
      ['access.rules[0] "first"', `${file}: rules[0]`],
    )
  })
  await withFile('rules: []\n', async (file) => {
    const policies = await loadPolicies(parseConfig({ access: { file } }), false)
    assert.deepEqual(policies?.policy, { rules: [], isAllowingOtherwise: false })
  })
})

/** name, what the file holds, what is said of it */
const refused = [
  ['an empty file', '', /rules: is missing/],
  ['a blank file', '\n \n# nothing\n', /rules: is missing/],
  ['rules without a value', 'rules:\n', /rules: is missing/],
  ['something else', 'user ann\ntopic a\n', /./],
  ['a rule without an effect', 'rules: [{ topics: [a] }]', /:1:\d+: rules\[0\]: has neither allow/],
  [
    'a rule with both',
    'rules: [{ allow: [publish], deny: [publish], topics: [a] }]',
    /allow and d/,
  ],
  [
    'an unknown action',
    'rules: [{ allow: [write], topics: [a] }]',
    /rules\[0\].allow\[0\]: is "wri/,
  ],
  ['no topics', 'rules: [{ allow: [publish], topics: [] }]', /rules\[0\].topics: /],
  ['a bad filter', 'rules: [{ allow: [publish], topics: ["a/#/b"] }]', /# before its end; allowed/],
  ['a bad variable', 'rules: [{ allow: [publish], topics: ["a/%x"] }]', /% that is no variable/],
  [
    'a typing mistake',
    'rules: [{ allow: [publish], topic: [a] }]',
    /did you mean rules\[0\].topics\?/,
  ],
] as const

for (const [name, text, message] of refused) {
  test(`a file of rules is refused: ${name}`, async () => {
    await withFile(text, async (file) => {
      const config = parseConfig({ access: { file } })
      await assert.rejects(loadPolicies(config, true), (error: unknown) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, message)
        assert.ok(error.message.includes(file), 'names the file')
        return true
      })
    })
  })
}

test('a file that is not there is refused', async () => {
  const config = parseConfig({ access: { file: '/nonexistent/rules.yaml' } })
  await assert.rejects(loadPolicies(config, true), /no such file/)
})

const acl = `# comment
topic read public/#
user ann
topic deny home/secret
topic readwrite home/#
topic write 100%/a b
user bob
topic out
pattern read devices/%c/#
pattern write devices/%u/up%
`

test('a Mosquitto ACL file becomes rules that decide the same', () => {
  const { input } = parseConfigText(importMosquittoAcl(acl, 'acl'), 'imported')
  const { rules } = parseConfig({ access: input as object }).access
  const policy = { rules: compileRules(rules, 'rules'), isAllowingOtherwise: false }
  const decisions = [
    [undefined, 'subscribe', 'public/a', true],
    [undefined, 'publish', 'public/a', false],
    ['ann', 'subscribe', 'public/a', false],
    ['ann', 'publish', 'home/x', true],
    ['ann', 'publish', 'home/secret', false],
    ['ann', 'receive', 'home/secret', false],
    ['ann', 'publish', '100%/a b', true],
    ['bob', 'publish', 'out', true],
    ['bob', 'publish', 'home/x', false],
    ['bob', 'subscribe', 'devices/c1/x', true],
    ['bob', 'subscribe', 'devices/c2/x', false],
    ['bob', 'publish', 'devices/bob/up%', true],
  ] as const
  for (const [user, action, topic, expected] of decisions) {
    const subject = { clientIdentifier: 'c1', user, groups: [], variables: new Map() }
    const { isAllowed } = new SubjectRules(policy, subject).decide(action, topic)
    assert.equal(isAllowed, expected, `${user} ${action} ${topic}`)
  }
})

test('every line of a Mosquitto ACL file that cannot be understood is named', () => {
  assert.throws(() => importMosquittoAcl('topic\nuser\nfoo bar\ntopic a/#/b\n', 'acl'), {
    name: 'ConfigError',
    message:
      /^acl:1: .*\nacl:2: user needs a name\nacl:3: a line begins with .*\nacl:4: .*# before/,
  })
})

test('policy tests say what was expected, and why it is not so', async () => {
  const rules = [{ allow: ['publish'] as const, groups: ['ops'], topics: ['a/%{site}/%c'] }]
  const policies = await loadPolicies(parseConfig({ access: { rules } }), false)
  const text = `
config: busbar.yaml
tests:
  - { user: ann, client: c, groups: [ops], variables: { site: n }, action: publish, topic: a/n/c, expect: allow }
  - { user: ann, client: c, action: publish, topic: a/n/c, expect: deny }
  - { name: wrong, action: publish, topic: a, expect: allow }
  - { action: publish, topic: $SYS/x, expect: deny }
`
  await withFile(text, async (path) => {
    const tests = await readPolicyTests(path)
    assert.equal(tests.config, join(path, '..', 'busbar.yaml'))
    const results = runPolicyTests(policies?.policy, tests)
    assert.deepEqual(
      results.map(({ hasPassed }) => hasPassed),
      [true, true, false, true],
    )
    assert.deepEqual(results[2]?.explanation.rules, [
      { rule: 'access.rules[0]', effect: 'allow', outcome: 'is about other clients' },
    ])
  })
  await withFile('tests: []', async (path) => {
    await assert.rejects(readPolicyTests(path), /a list with one test or more/)
  })
})
