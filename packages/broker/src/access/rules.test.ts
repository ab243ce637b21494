import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AccessAction, Subject } from './access.ts'
import { explain } from './explain.ts'
import { compileRules, type RuleConfig, SubjectRules } from './rules.ts'
import { parseTopicPattern, resolvePattern } from './topic-pattern.ts'

function subject(fields: Partial<Subject> = {}): Subject {
  const variables = new Map([['site', 'north']])
  return { clientIdentifier: 'c1', user: 'ann', groups: ['ops'], variables, ...fields }
}

/** pattern, what is special about the client, the filter it becomes for that client */
const patterns = [
  ['a/b', {}, 'a/b'],
  ['a/+/#', {}, 'a/+/#'],
  ['d/%c/#', {}, 'd/c1/#'],
  ['%u/%c', {}, 'ann/c1'],
  ['s-%{site}/x', {}, 's-north/x'],
  ['100%%/%c', {}, '100%/c1'],
  ['d/%{other}', {}, undefined],
  ['d/%u', { user: undefined }, undefined],
  ['d/%u', { user: '' }, undefined],
  ['d/%c', { clientIdentifier: '+' }, undefined],
  ['d/%c/x', { clientIdentifier: '#' }, undefined],
  ['d/%c', { clientIdentifier: 'a/b' }, undefined],
  ['d/%c', { clientIdentifier: 'a+b' }, undefined],
  ['d/%u', { user: '.*' }, 'd/.*'],
  ['d/%u', { user: '%c' }, 'd/%c'],
  ['%u/#', { user: '$SYS' }, undefined],
  ['$SYS/%u', {}, '$SYS/ann'],
] as const

for (const [text, fields, expected] of patterns) {
  test(`${text} for ${JSON.stringify(fields)} is ${expected}`, () => {
    assert.equal(resolvePattern(parseTopicPattern(text), subject(fields), true), expected)
  })
}

test('an unknown variable is anything where that favours the client, else nothing', () => {
  const pattern = parseTopicPattern('s/x-%{site}/%c')
  const nobody = subject({ variables: undefined })
  assert.equal(resolvePattern(pattern, nobody, true), 's/+/c1')
  assert.equal(resolvePattern(pattern, nobody, false), undefined)
})

test('a name of two levels is no way around what is denied', () => {
  const own = parseTopicPattern('d/%c/keys')
  assert.equal(resolvePattern(own, subject({ clientIdentifier: 'a/b' }), true), undefined)
  assert.equal(resolvePattern(own, subject({ clientIdentifier: 'a/b' }), false), 'd/a/b/keys')
  assert.equal(resolvePattern(own, subject({ clientIdentifier: '+' }), false), undefined)
})

for (const text of [
  '',
  'a/%',
  'a/%x',
  'a/%{}',
  'a/%{b',
  'a/#/b',
  'a+',
  '%c+',
  '%c#',
  '$share/g/a',
]) {
  test(`${JSON.stringify(text)} is no pattern`, () => {
    assert.throws(() => parseTopicPattern(text))
  })
}

const all: readonly AccessAction[] = ['publish', 'subscribe']

/** name, rules, default, action, topic, what is special about the client, whether it is allowed */
const decisions: readonly (readonly [
  string,
  readonly RuleConfig[],
  'allow' | 'deny',
  AccessAction,
  string,
  Partial<Subject>,
  boolean,
])[] = [
  ['nothing without a rule', [], 'deny', 'publish', 'a', {}, false],
  ['anything without a rule', [], 'allow', 'subscribe', '#', {}, true],
  [
    'what is allowed',
    [{ allow: ['publish'], topics: ['a/#'] }],
    'deny',
    'publish',
    'a/b',
    {},
    true,
  ],
  ['another topic', [{ allow: ['publish'], topics: ['a/#'] }], 'deny', 'publish', 'b', {}, false],
  ['another action', [{ allow: ['publish'], topics: ['#'] }], 'deny', 'subscribe', 'a', {}, false],
  [
    'retaining with publishing',
    [{ allow: ['publish'], topics: ['a'] }],
    'deny',
    'retain',
    'a',
    {},
    true,
  ],
  [
    'publishing without retaining',
    [{ allow: ['retain'], topics: ['a'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'no retaining',
    [
      { deny: ['retain'], topics: ['#'] },
      { allow: ['publish'], topics: ['#'] },
    ],
    'deny',
    'retain',
    'a',
    {},
    false,
  ],
  [
    'receiving with subscribing',
    [{ allow: ['subscribe'], topics: ['a'] }],
    'deny',
    'receive',
    'a',
    {},
    true,
  ],
  [
    'a part that is not received of what is subscribed to',
    [
      { deny: ['receive'], topics: ['a/secret'] },
      { allow: ['subscribe'], topics: ['a/#'] },
    ],
    'deny',
    'subscribe',
    'a/#',
    {},
    true,
  ],
  [
    'a wide filter over an allowed part',
    [{ allow: all, topics: ['a/#'] }],
    'deny',
    'subscribe',
    '#',
    {},
    false,
  ],
  ['a filter within', [{ allow: all, topics: ['a/#'] }], 'deny', 'subscribe', 'a/+/b', {}, true],
  [
    'a wide filter over a denied part',
    [
      { deny: ['subscribe'], topics: ['a/secret'] },
      { allow: all, topics: ['a/#'] },
    ],
    'deny',
    'subscribe',
    'a/+',
    {},
    false,
  ],
  [
    'the first rule that fits',
    [
      { allow: all, topics: ['a/b'] },
      { deny: all, topics: ['a/#'] },
    ],
    'allow',
    'subscribe',
    'a/b',
    {},
    true,
  ],
  ['a user', [{ allow: all, users: ['ann'], topics: ['#'] }], 'deny', 'publish', 'a', {}, true],
  [
    'another user',
    [{ allow: all, users: ['bob'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'a user in other letters',
    [{ allow: all, users: ['Ann'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'a user like an expression',
    [{ allow: all, users: ['.*'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'a group',
    [{ allow: all, groups: ['x', 'ops'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    true,
  ],
  [
    'another group',
    [{ allow: all, groups: ['x'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  ['a client', [{ allow: all, clients: ['c1'], topics: ['#'] }], 'deny', 'publish', 'a', {}, true],
  [
    'user and client',
    [{ allow: all, users: ['ann'], clients: ['c2'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'only anonymous',
    [{ allow: all, anonymous: true, topics: ['#'] }],
    'deny',
    'publish',
    'a',
    {},
    false,
  ],
  [
    'an anonymous one',
    [{ allow: all, anonymous: true, topics: ['#'] }],
    'deny',
    'publish',
    'a',
    { user: undefined },
    true,
  ],
  [
    'a group not yet known',
    [{ allow: all, groups: ['x'], topics: ['#'] }],
    'deny',
    'publish',
    'a',
    { groups: undefined },
    true,
  ],
  [
    'no denial by a group not yet known',
    [{ deny: all, groups: ['x'], topics: ['#'] }],
    'allow',
    'publish',
    'a',
    { groups: undefined },
    true,
  ],
  ['$SYS not by #', [{ allow: all, topics: ['#'] }], 'deny', 'subscribe', '$SYS/#', {}, false],
  [
    '$SYS by its name',
    [{ allow: all, topics: ['$SYS/#'] }],
    'deny',
    'subscribe',
    '$SYS/broker/+',
    {},
    true,
  ],
]

for (const [name, rules, otherwise, action, topic, fields, isAllowed] of decisions) {
  test(`${isAllowed ? 'allowed' : 'denied'}: ${name}`, () => {
    const policy = {
      rules: compileRules(rules, 'rules'),
      isAllowingOtherwise: otherwise === 'allow',
    }
    const verdict = new SubjectRules(policy, subject(fields)).decide(action, topic)
    assert.equal(verdict.isAllowed, isAllowed)
    const explained = explain(policy, subject(fields), action, topic)
    assert.equal(explained.isAllowed, isAllowed)
    const deciding = explained.rules.find(({ outcome }) => outcome === 'decides')
    assert.equal(deciding?.rule ?? 'access.default', verdict.rule, 'the rule that was explained')
  })
}

test('an explanation says of each rule why it does not decide', () => {
  const rules: RuleConfig[] = [
    { allow: ['publish'], topics: ['#'] },
    { deny: ['subscribe'], users: ['bob'], topics: ['#'] },
    { allow: ['subscribe'], topics: ['x/%{gone}/#'] },
    { allow: ['subscribe'], topics: ['b/#', 'c/%c'] },
    { name: 'own', allow: ['subscribe'], topics: ['a/%c/#'] },
    { deny: ['subscribe'], topics: ['a/#'] },
    { deny: ['subscribe'], topics: ['never reached'] },
  ]
  const policy = { rules: compileRules(rules, 'access.rules'), isAllowingOtherwise: false }
  const { rules: explained, isAllowed } = explain(policy, subject(), 'subscribe', 'a/#')
  assert.equal(isAllowed, false)
  assert.deepEqual(
    explained.map(({ rule, outcome }) => [rule, outcome]),
    [
      ['access.rules[0]', 'is not about subscribe'],
      ['access.rules[1]', 'is about other clients'],
      ['access.rules[2]', 'has a variable for which this client has no value of one level'],
      ['access.rules[3]', 'is about b/#, c/c1'],
      ['access.rules[4] "own"', 'allows only a part of this filter'],
      ['access.rules[5]', 'decides'],
    ],
  )
})
