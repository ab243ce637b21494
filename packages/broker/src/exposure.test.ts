import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConfigInput, parseConfig } from './config.ts'
import { allowsAnonymous, isLoopback, refuseExposure } from './exposure.ts'

const addresses = [
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['LocalHost', true],
  ['0.0.0.0', false],
  ['::', false],
  ['::ffff:192.0.2.1', false],
  ['192.0.2.1', false],
  ['128.0.0.1', false],
  ['example.com', false],
  ['localhost.example.com', false],
  ['127.0.0.1.example.com', false],
  ['127.1', false],
] as const

for (const [host, expected] of addresses) {
  test(`${host} is ${expected ? '' : 'not '}loopback`, () =>
    assert.equal(isLoopback(host), expected))
}

const key = Buffer.alloc(32, 1).toString('base64')
const scram = { salt: 'c2FsdA==', iterations: 4_096, storedKey: key, serverKey: key }
const users = [{ name: 'a', scram }]
const open = [{ kind: 'tcp', host: '0.0.0.0' }] as const

const rows: readonly [string, ConfigInput, boolean, 'refused' | 'guarded' | 'anonymous'][] = [
  ['the default', {}, false, 'anonymous'],
  ['a network', { listeners: open }, false, 'refused'],
  [
    'a network, explicitly guarded, by nothing',
    { listeners: open, auth: { allowAnonymous: false } },
    false,
    'guarded',
  ],
  [
    'a network, explicitly open',
    { listeners: open, auth: { allowAnonymous: true } },
    false,
    'anonymous',
  ],
  ['a network with users', { listeners: open, auth: { users } }, false, 'guarded'],
  [
    'a network with users and others',
    { listeners: open, auth: { users, allowAnonymous: true } },
    false,
    'anonymous',
  ],
  ['a network with an authenticator', { listeners: open }, true, 'guarded'],
  ['loopback with users', { auth: { users } }, false, 'guarded'],
]

for (const [name, input, hasAuthenticator, expected] of rows) {
  test(`${name}: ${expected}`, () => {
    const config = parseConfig(input)
    if (expected === 'refused') {
      assert.throws(
        () => refuseExposure(config, hasAuthenticator),
        /^ConfigError: listeners\[0\].host: is "0.0.0.0".*auth.users.*--allow-anonymous/,
      )
      return
    }
    refuseExposure(config, hasAuthenticator)
    assert.equal(allowsAnonymous(config, hasAuthenticator), expected === 'anonymous')
  })
}
