import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { exportJWK, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { type ConfigInput, parseConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { Authentication } from './authenticator.ts'
import { type OpenAuthentication, openAuthentication } from './open-authentication.ts'
import { startWebServer } from './web-server.contract.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ed = generateKeyPairSync('ed25519')
const secret = randomBytes(32)
const clock = new VirtualClock()

let folder = ''
const file = (name: string) => join(folder, name)
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-token-'))
  for (const [name, { publicKey }] of Object.entries({ rsa, ec, ed })) {
    await writeFile(file(name), publicKey.export({ type: 'spki', format: 'pem' }))
  }
  await writeFile(file('secret'), `${secret.toString('hex')}\n`)
  await writeFile(file('short'), 'x'.repeat(31))
})
after(() => rm(folder, { recursive: true }))

const now = () => Math.floor(clock.wallNow() / 1_000)
const claims = (): JWTPayload => ({ sub: 'ada', aud: 'mqtt', exp: now() + 100 })

function sign(
  payload: JWTPayload,
  key: KeyObject | Uint8Array = rsa.privateKey,
  header: { alg: string; kid?: string; crit?: string[] } = { alg: 'RS256' },
): Promise<string> {
  return new SignJWT(payload).setProtectedHeader(header).sign(key)
}

type JwtInput = Partial<NonNullable<NonNullable<ConfigInput['auth']>['jwt']>>

async function open(jwt: JwtInput): Promise<OpenAuthentication & { logged: string[] }> {
  const config = parseConfig({ auth: { jwt: { audience: 'mqtt', ...jwt } } })
  const logged: string[] = []
  const opened = await openAuthentication({
    config,
    clock,
    random: { bytes: (count) => randomBytes(count) },
    log: createLog({ level: 'info', format: 'text' }, { write: (line) => logged.push(line) }),
    authenticators: [],
    passwordFile: undefined,
    allowAnonymous: false,
  })
  return Object.assign(opened, { logged })
}

async function authenticate(
  { authenticator }: OpenAuthentication,
  password: string,
  username: string | undefined = undefined,
): Promise<Authentication> {
  return await authenticator.authenticate(
    {
      clientIdentifier: 'c',
      username,
      password: new TextEncoder().encode(password),
      protocolVersion: 5,
      address: '192.0.2.1:1',
    },
    { isOver: false },
  )
}

async function answer(jwt: JwtInput, token: string | Promise<string>): Promise<Authentication> {
  using opened = await open(jwt)
  return await authenticate(opened, await token)
}

const rsaKey = () => ({ publicKeyFile: file('rsa') })

test('a token gives user, groups, variables and an end', async () => {
  const payload = { ...claims(), groups: ['ops', 7, ''], site: 'n1', line: 4, list: [1], on: true }
  const given = await answer(rsaKey(), sign(payload))
  assert.ok(given.outcome === 'accepted')
  assert.equal(given.user, 'ada')
  assert.deepEqual(given.groups, ['ops'])
  assert.equal(given.expiresAt, (now() + 105) * 1_000) // 5 s for the clock of the issuer
  const variables = Object.fromEntries(given.variables ?? [])
  assert.deepEqual(variables, {
    sub: 'ada',
    aud: 'mqtt',
    exp: String(now() + 100),
    site: 'n1',
    line: '4',
    on: 'true',
  })
})

const accepted = [
  ['ES256', 'ec', ec.privateKey, {}],
  ['EdDSA', 'ed', ed.privateKey, {}],
  ['PS256', 'rsa', rsa.privateKey, { algorithms: ['PS256'] }],
] as const
for (const [alg, name, key, more] of accepted) {
  test(`accepts ${alg}`, async () => {
    const given = await answer({ publicKeyFile: file(name), ...more }, sign(claims(), key, { alg }))
    assert.equal(given.outcome, 'accepted')
  })
}

test('accepts HS256 with a secret, other claims, and the token as the user name', async () => {
  const key = Buffer.from(secret.toString('hex'))
  const payload = { aud: ['x', 'mqtt'], exp: now() + 100, device: 'pump', role: 'ops' }
  using opened = await open({
    secretFile: file('secret'),
    userClaim: 'device',
    groupsClaim: 'role',
    from: 'username',
  })
  const given = await authenticate(opened, '', await sign(payload, key, { alg: 'HS256' }))
  assert.ok(given.outcome === 'accepted')
  assert.deepEqual([given.user, given.groups], ['pump', ['ops']])
})

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')
const publicPem = () => Buffer.from(rsa.publicKey.export({ type: 'spki', format: 'pem' }))

const refused: readonly (readonly [string, () => string | Promise<string>, JwtInput?])[] = [
  ['alg none', () => new UnsecuredJWT(claims()).encode()],
  ['alg None', () => `${encode({ alg: 'None' })}.${encode(claims())}.`],
  ['no alg that is text', () => `${encode({ alg: null })}.${encode(claims())}.AAAA`],
  ['the public key as the secret of HS256', () => sign(claims(), publicPem(), { alg: 'HS256' })],
  ['an algorithm that is not listed', () => sign(claims(), rsa.privateKey, { alg: 'RS512' })],
  ['a signature of another key', () => sign(claims(), otherRsa.privateKey)],
  ['a signature that was changed', async () => `${(await sign(claims())).slice(0, -8)}AAAAAAAA`],
  ['no signature', async () => (await sign(claims())).replace(/[^.]+$/, '')],
  [
    'an extension that is critical',
    async () => `${encode({ alg: 'RS256', crit: ['x'], x: 1 })}.${encode(claims())}.AAAA`,
  ],
  ['a payload that is a list', async () => `${encode({ alg: 'RS256' })}.${encode([])}.AAAA`],
  ['the end gone by', () => sign({ ...claims(), exp: now() - 6 })],
  ['no end', () => sign({ sub: 'ada', aud: 'mqtt' })],
  ['an end that is text', () => sign({ ...claims(), exp: 'never' as unknown as number })],
  ['a beginning to come', () => sign({ ...claims(), nbf: now() + 10 })],
  ['another audience', () => sign({ ...claims(), aud: 'mqtts' })],
  ['no audience', () => sign({ sub: 'ada', exp: now() + 100 })],
  ['another issuer', () => sign({ ...claims(), iss: 'evil' }), { issuer: 'good' }],
  ['no issuer', () => sign(claims()), { issuer: 'good' }],
  ['no user', () => sign({ aud: 'mqtt', exp: now() + 100 })],
  ['a user that is a number', () => sign({ ...claims(), sub: 7 as unknown as string })],
  ['an empty user', () => sign({ ...claims(), sub: '' })],
  ['U+0000 in the user', () => sign({ ...claims(), sub: 'a\0' })],
]
for (const [name, token, jwt] of refused) {
  test(`refuses a token with ${name}`, async () => {
    const given = await answer({ ...rsaKey(), ...jwt }, token())
    assert.ok(given.outcome === 'refused', JSON.stringify(given))
    assert.equal(given.reasonCode, 0x87)
    assert.match(given.reason, /token/)
  })
}

test('what is no token is passed on', async () => {
  for (const text of ['lovelace', 'a.b.c', '..', `${encode({})}.a.b`, `${encode([1])}.a.b`]) {
    const given = await answer(rsaKey(), text)
    assert.ok(given.outcome === 'refused')
    assert.equal(given.reason, 'a user name is needed', text) // the last word of the chain
  }
})

test('keys come from a set that is fetched once, and again for a key that is not in it', async () => {
  const jwk = async (kid: string, key: KeyObject) => ({ ...(await exportJWK(key)), kid })
  const keys = [await jwk('a', rsa.publicKey)]
  await using server = await startWebServer((response) => response.end(JSON.stringify({ keys })))
  using opened = await open({ jwksUrl: server.url })
  const ask = async (kid: string, key: KeyObject) =>
    (await authenticate(opened, await sign(claims(), key, { alg: 'RS256', kid }))).outcome
  const first = await Promise.all(Array.from({ length: 20 }, () => ask('a', rsa.privateKey)))
  assert.deepEqual(new Set(first), new Set(['accepted']))
  assert.equal(server.requests.length, 1)
  assert.equal(await ask('a', otherRsa.privateKey), 'refused')
  assert.equal(await ask('b', otherRsa.privateKey), 'refused')
  assert.equal(server.requests.length, 1, 'fetched lately: strangers cannot have it fetched again')
})

const badSets = [
  ['an error', 500, '{}'],
  ['a redirect', 302, '{"keys":[]}'],
  ['no JSON', 200, '<html>'],
  ['no key set', 200, '{"keys":7}'],
  ['more than 256 KiB', 200, `{"keys":[]${' '.repeat(262_144)}}`],
] as const
for (const [name, status, text] of badSets) {
  test(`lets nobody in when the key set is ${name}`, async () => {
    await using server = await startWebServer((response) => response.writeHead(status).end(text))
    using opened = await open({ jwksUrl: server.url })
    const token = await sign(claims(), rsa.privateKey, { alg: 'RS256', kid: 'a' })
    const given = await authenticate(opened, token)
    assert.ok(given.outcome === 'refused' && given.reasonCode === 0x88, JSON.stringify(given))
    assert.match(opened.logged.join(''), /error the keys for tokens cannot be had/)
    assert.ok(!opened.logged.join('').includes(token))
  })
}

test('lets nobody in when the key set is down', async () => {
  const server = await startWebServer(() => {})
  await server[Symbol.asyncDispose]()
  using opened = await open({ jwksUrl: server.url })
  const given = await authenticate(opened, await sign(claims()))
  assert.ok(given.outcome === 'refused' && given.reasonCode === 0x88)
})

const badFiles: readonly (readonly [string, () => JwtInput, RegExp])[] = [
  [
    'no file',
    () => ({ publicKeyFile: file('none') }),
    /publicKeyFile: is ".*", which cannot be read/,
  ],
  [
    'no key',
    () => ({ publicKeyFile: file('secret') }),
    /publicKeyFile: is not a public key in PEM/,
  ],
  [
    'a short secret',
    () => ({ secretFile: file('short') }),
    /secretFile: has 31 bytes; allowed are 32/,
  ],
]
for (const [name, jwt, expected] of badFiles) {
  test(`does not start with ${name}`, () =>
    assert.rejects(open(jwt()), { name: 'ConfigError', message: expected }))
}
