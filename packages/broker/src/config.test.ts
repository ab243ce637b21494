import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from './config.ts'
import { ConfigError } from './config-error.ts'

const key = Buffer.alloc(32, 1).toString('base64')
const scram = { salt: 'c2FsdA==', iterations: 4_096, storedKey: key, serverKey: key }

test('an empty configuration has every default', () => {
  for (const input of [undefined, {}]) {
    const { listeners, store, mqtt, limits, auth, sys, log } = parseConfig(input)
    assert.deepEqual(listeners, [
      { kind: 'tcp', host: '127.0.0.1', port: 1_883 },
      { kind: 'ws', host: '127.0.0.1', port: 8_083, path: '/mqtt', origins: [] },
    ])
    assert.deepEqual(
      [store, auth.users, auth.certificate, sys],
      [
        { engine: 'sqlite', dir: './busbar-data', onFailure: 'exit' },
        [],
        'none',
        { intervalSeconds: 10 },
      ],
    )
    assert.deepEqual(log, { level: 'info', format: 'text' })
    assert.deepEqual(
      [mqtt.maximumQoS, mqtt.receiveMaximum, mqtt.topicAliasMaximum, mqtt.maximumPacketSize],
      [2, 1_024, 100, 2_097_152],
    )
    assert.equal(mqtt.sessionExpiryMaximumSeconds, 604_800)
    const { messages, bytes, storedMessages, storedBytes } = limits.queue
    assert.deepEqual([messages, bytes], [1_000, 67_108_864])
    assert.deepEqual([storedMessages, storedBytes], [1_000_000, 1_073_741_824])
  }
})

test('a part that is given leaves the other defaults', () => {
  const config = parseConfig({ limits: { queue: { messages: 5 } }, listeners: [{ kind: 'ws' }] })
  assert.equal(config.limits.queue.messages, 5)
  assert.equal(config.limits.queue.policy, 'drop-newest')
  assert.equal(config.limits.topicLevels, 128)
  assert.deepEqual(config.listeners, [
    { kind: 'ws', host: '127.0.0.1', port: 8_083, path: '/mqtt', origins: [] },
  ])
})

test('a checked configuration passes the check again, unchanged', () => {
  const config = parseConfig({ auth: { users: [{ name: 'a', scram }] } })
  assert.deepEqual(parseConfig(config), config)
})

test('never lifts the limit on the Session Expiry Interval', () => {
  const { mqtt } = parseConfig({ mqtt: { sessionExpiryMaximumSeconds: 'never' } })
  assert.equal(mqtt.sessionExpiryMaximumSeconds, 'never')
})

const users = (...list: unknown[]) => ({ auth: { users: list } })

const refused: readonly (readonly [string, unknown, ...string[]])[] = [
  [
    'a number below',
    { mqtt: { receiveMaximum: 0 } },
    'mqtt.receiveMaximum: is 0; allowed is a whole number from 1 to 65535',
  ],
  [
    'a number above',
    { mqtt: { receiveMaximum: 65_536 } },
    'mqtt.receiveMaximum: is 65536; allowed is a whole number from 1 to 65535',
  ],
  [
    'a fraction',
    { sys: { intervalSeconds: 1.5 } },
    'sys.intervalSeconds: is 1.5; allowed is a whole number from 0 to 86400',
  ],
  [
    'text for a number',
    { mqtt: { receiveMaximum: '5' } },
    'mqtt.receiveMaximum: is "5"; allowed is a whole number from 1 to 65535',
  ],
  [
    'text for a boolean',
    { mqtt: { silent: 'yes' } },
    'mqtt.silent: is "yes"; allowed is true or false',
  ],
  ['QoS 3', { mqtt: { maximumQoS: 3 } }, 'mqtt.maximumQoS: is 3; allowed is 0, 1 or 2'],
  [
    'another word',
    { limits: { queue: { policy: 'drop' } } },
    'limits.queue.policy: is "drop"; allowed is drop-newest or drop-oldest',
  ],
  [
    'a number or a word',
    { mqtt: { sessionExpiryMaximumSeconds: 'ever' } },
    'mqtt.sessionExpiryMaximumSeconds: is "ever"; allowed is a whole number from 0 to 4294967294 or never',
  ],
  ['an empty section', { log: null }, 'log: is empty; allowed is a section with level, format'],
  ['a list for a section', { log: [] }, 'log: is a list; allowed is a section with level, format'],
  [
    'a typing error in a section',
    { listners: [] },
    'listners: is not a setting; did you mean listeners?',
  ],
  [
    'a typing error in a setting',
    { mqtt: { recieve_maximum: 1 } },
    'mqtt.recieve_maximum: is not a setting; did you mean mqtt.receiveMaximum?',
  ],
  [
    'a setting in the wrong section',
    { receiveMaximum: 1 },
    'receiveMaximum: is not a setting; did you mean mqtt.receiveMaximum?',
  ],
  [
    'something unheard of',
    { log: { colour: 1 } },
    'log.colour: is not a setting; allowed here is level, format',
  ],
  [
    'a listener without a kind',
    { listeners: [{ port: 1 }] },
    'listeners[0].kind: is missing; allowed is tcp, ws or unix',
  ],
  [
    'a listener of another kind',
    { listeners: [{ kind: 'udp' }] },
    'listeners[0].kind: is "udp"; allowed is tcp, ws or unix',
  ],
  [
    'a relative path',
    { listeners: [{ kind: 'ws', path: 'mqtt' }] },
    'listeners[0].path: is "mqtt"; allowed is a path that begins with /',
  ],
  [
    'the same port twice',
    { listeners: [{ kind: 'tcp', port: 8_083 }, { kind: 'ws' }] },
    'listeners[1].port: is 8083, as that of listeners[0]; allowed is another port, or 0',
  ],
  [
    'a lower limit above the upper one',
    { limits: { output: { pauseBytes: 2_000, stopReadingBytes: 1_999 } } },
    'limits.output.stopReadingBytes: is 1999; allowed is pauseBytes (2000) or more',
  ],
  [
    'U+0000',
    { mqtt: { serverReference: 'a\0' } },
    'mqtt.serverReference: is "a\\u0000"; allowed is text of 1 to 65535 bytes without U+0000',
  ],
  [
    'a user without keys',
    users({ name: 'a' }),
    'auth.users[0].scram: is missing; allowed is a section with salt, iterations, storedKey, serverKey',
  ],
  [
    'two users of one name',
    users({ name: 'a', scram }, { name: 'a\u00ad', scram }),
    'auth.users[1].name: is "a\u00ad", as that of another user; allowed is a name of its own',
  ],
  [
    'a password',
    users({ name: 'a', password: 'b', scram }),
    'auth.users[0].password: is not a setting; allowed here is name, groups, scram',
  ],
  [
    'keys, which it does not repeat',
    users({ name: 'a', scram: { ...scram, serverKey: 'secret' } }),
    'auth.users[0].scram.serverKey: is not valid; allowed is Base64 of 32 bytes',
  ],
  [
    'everything at once',
    { listners: [], log: { level: 'loud' }, mqtt: { receiveMaximum: 0, silent: 1 } },
    'mqtt.receiveMaximum: is 0; allowed is a whole number from 1 to 65535',
    'mqtt.silent: is 1; allowed is true or false',
    'log.level: is "loud"; allowed is error, warn, info or debug',
    'listners: is not a setting; did you mean listeners?',
  ],
]

for (const [name, input, ...lines] of refused) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parseConfig(input),
      (error) => {
        assert.ok(error instanceof ConfigError)
        assert.deepEqual(error.message.split('\n'), lines)
        return true
      },
    )
  })
}

// What else there is may grow.
const refusedInPart = [
  ['no configuration at all', 5, /^is 5; allowed is a section with listeners, /],
  [
    'a path on TCP',
    { listeners: [{ kind: 'tcp', path: '/' }] },
    /^listeners\[0\].path: is not a setting; allowed here is kind, host, port/,
  ],
] as const

for (const [name, input, message] of refusedInPart) {
  test(`refuses ${name}`, () => {
    assert.throws(() => parseConfig(input), { name: 'ConfigError', message })
  })
}

test('a key of the prototype is no setting', () => {
  const input: unknown = JSON.parse(
    '{"__proto__": {"log": 1}, "constructor": 1, "mqtt": {"toString": 1}}',
  )
  assert.throws(
    () => parseConfig(input),
    (error) => {
      assert.ok(error instanceof ConfigError)
      const paths = error.problems.map(({ path }) => path)
      assert.deepEqual(paths.sort(), ['__proto__', 'constructor', 'mqtt.toString'])
      return true
    },
  )
})
