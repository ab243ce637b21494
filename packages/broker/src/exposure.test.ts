import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConfigInput, parseConfig } from './config.ts'
import { allowsAnonymous, isLoopback, passwordFileOf, refuseExposure } from './exposure.ts'

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
  [
    'a network with a password file',
    { listeners: open, auth: { passwordFile: 'p' } },
    false,
    'guarded',
  ],
  [
    'a network with certificates',
    { listeners: open, auth: { certificate: 'common-name' } },
    false,
    'guarded',
  ],
  [
    'a network with tokens',
    { listeners: open, auth: { jwt: { audience: 'a', secretFile: 's' } } },
    false,
    'guarded',
  ],
  [
    'a network with a hook',
    { listeners: open, auth: { http: { url: 'https://a.example/' } } },
    false,
    'guarded',
  ],
  ['loopback with users', { auth: { users } }, false, 'guarded'],
]

for (const [name, input, hasAuthenticator, expected] of rows) {
  test(`${name}: ${expected}`, () => {
    const config = parseConfig(input)
    if (expected === 'refused') {
      assert.throws(
        () => refuseExposure(config, hasAuthenticator),
        /^ConfigError: listeners\[0\].host: is "0.0.0.0".*`busbar user add NAME`, or .*`busbar broker --allow-anonymous`/,
      )
      return
    }
    refuseExposure(config, hasAuthenticator)
    assert.equal(allowsAnonymous(config, hasAuthenticator), expected === 'anonymous')
  })
}

test('the password file of the data folder is used when it is there', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'busbar-exposure-'))
  try {
    const configOf = (engine: 'sqlite' | 'memory') => parseConfig({ store: { dir, engine } })
    assert.equal(passwordFileOf(configOf('sqlite')), undefined)
    await writeFile(join(dir, 'passwords'), '')
    assert.equal(passwordFileOf(configOf('sqlite')), join(dir, 'passwords'))
    assert.equal(allowsAnonymous(configOf('sqlite'), false), false)
    assert.equal(passwordFileOf(configOf('memory')), undefined)
    const config = parseConfig({ store: { dir }, auth: { passwordFile: 'other' } })
    assert.equal(passwordFileOf(config), 'other')
  } finally {
    await rm(dir, { recursive: true })
  }
})

test('the way out names the data folder, and the file where there is none', () => {
  const refusal = (store: ConfigInput['store']) => {
    const config = parseConfig({ listeners: open, store })
    assert.throws(
      () => refuseExposure(config, false),
      (error: Error) => {
        message = error.message
        return true
      },
    )
    return message
  }
  let message = ''
  assert.match(refusal({ dir: '/d' }), /Add a user with `busbar user add NAME --data "\/d"`, or/)
  assert.match(refusal({ engine: 'memory' }), /--file passwords.*auth.passwordFile=passwords/)
})
