import assert from 'node:assert/strict'
import { createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import { silentLog } from '../log.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { AttemptGuard } from './attempt-guard.ts'
import type { Attempt, Authentication, Credentials } from './authenticator.ts'
import { scramVerifier, type Verifier } from './password-verifier.ts'
import { deriveScramCredentials, type ScramCredentials } from './scram.ts'
import { type User, Users, type UsersOptions } from './users.ts'

const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
const attempt: Attempt = { isOver: false }

async function user(name: string, password: string, iterations = 4_096): Promise<User> {
  const scram = await deriveScramCredentials(password, { salt, iterations })
  return { name, groups: ['staff'], verifier: scramVerifier(scram), scram }
}

const listed = [
  await user('ada', 'lovelace'),
  await user('IX', 'u\u0308'),
  await user('private \ue000', 'lovelace'),
  await user('long', 'a'.repeat(1_024)),
  await user('too long', 'a'.repeat(1_025)),
]

const limits = {
  free: 5,
  delaySeconds: 1,
  maximumDelaySeconds: 30,
  lockAfter: 20,
  lockSeconds: 300,
  perAddress: 0,
  remembered: 100,
}

function usersOf(users: readonly User[], options: Partial<UsersOptions> = {}) {
  const clock = new VirtualClock()
  const now = () => clock.now()
  const made = new Users(users, {
    guard: new AttemptGuard(limits, { now, log: silentLog }),
    random: { bytes: (count) => new Uint8Array(count) },
    now,
    whenUnknown: 'refuse',
    maximumWaiting: 100,
    cacheMs: 60_000,
    ...options,
  })
  return { users: made, clock }
}

function credentials(
  username: string | undefined,
  password: string | Uint8Array | undefined,
  address = '192.0.2.1:1',
): Credentials {
  return {
    clientIdentifier: 'c',
    username,
    password: typeof password === 'string' ? new TextEncoder().encode(password) : password,
    protocolVersion: 5,
    address,
  }
}

/** What is verified, and how often. */
function counted(verifier: Verifier): Verifier & { calls: number } {
  return {
    cost: verifier.cost,
    calls: 0,
    verify(password) {
      this.calls++
      return verifier.verify(password)
    },
  }
}

/** client-final-message (RFC 5802, section 3) for a server-first-message. */
function scramFinal(options: {
  readonly scram: ScramCredentials
  readonly password: string
  readonly bare: string
  readonly first: string
}): Uint8Array {
  const { scram, password, bare, first } = options
  const salted = pbkdf2Sync(password, scram.salt, scram.iterations, 32, 'sha256')
  const hmac = (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest()
  const withoutProof = `c=biws,${first.slice(0, first.indexOf(','))}`
  const signature = hmac(scram.storedKey, `${bare},${first},${withoutProof}`)
  const proof = hmac(salted, 'Client Key').map((byte, at) => byte ^ (signature[at] ?? 0))
  return new TextEncoder().encode(`${withoutProof},p=${Buffer.from(proof).toString('base64')}`)
}

function outcome(answer: Authentication): string | undefined {
  if (answer.outcome === 'refused') return answer.reasonCode.toString(16)
  return answer.outcome === 'accepted' ? answer.user : answer.outcome
}

const accepted = [
  ['the right password', 'ada', 'lovelace', 'ada'],
  ['another spelling of name and password', '\u2168', '\u00fc', 'IX'],
  ['a name that SASLprep prohibits', 'private \ue000', 'lovelace', 'private \ue000'],
  ['a password of 1,024 bytes', 'long', 'a'.repeat(1_024), 'long'],
] as const
for (const [name, username, password, known] of accepted) {
  test(`accepts ${name}`, async () => {
    const answer = await usersOf(listed).users.authenticate(
      credentials(username, password),
      attempt,
    )
    assert.ok(answer.outcome === 'accepted')
    assert.deepEqual([answer.user, answer.groups], [known, ['staff']])
  })
}

const wrong: Authentication = {
  outcome: 'refused',
  reasonCode: 0x86,
  reason: 'wrong user name or password',
}
const refused = [
  ['a wrong password', 'ada', 'Lovelace'],
  ['the password of another user', 'IX', 'lovelace'],
  ['an unknown user', 'bob', 'lovelace'],
  ['the name of a property', '__proto__', 'lovelace'],
  ['an empty name', '', 'lovelace'],
  ['no password', 'ada', undefined],
  ['an unknown user without a password', 'bob', undefined],
  ['an empty password', 'ada', ''],
  ['a password that is not UTF-8', 'ada', Uint8Array.of(0xff)],
  ['a password with U+0000', 'ada', 'lovelace\0'],
  ['a password with a byte order mark that is not dropped', 'ada', 'lovelace\ufffe'],
  ['a password of 1,025 bytes, right as it is', 'too long', 'a'.repeat(1_025)],
  ['an unknown user with a password of 1,025 bytes', 'bob', 'a'.repeat(1_025)],
] as const
for (const [name, username, password] of refused) {
  test(`refuses ${name} with 0x86`, async () => {
    const { users } = usersOf(listed)
    assert.deepEqual(await users.authenticate(credentials(username, password), attempt), wrong)
  })
}

test('passes on who is not concerned', async () => {
  const { users } = usersOf(listed, { whenUnknown: 'pass-on' })
  const ask = async (username: string | undefined) =>
    outcome(await users.authenticate(credentials(username, 'lovelace'), attempt))
  assert.deepEqual(await Promise.all([undefined, 'bob', 'ada'].map(ask)), [
    'passed-on',
    'passed-on',
    'ada',
  ])
  assert.deepEqual(await users.refuseUnknown(credentials('bob', 'lovelace'), attempt), wrong)
})

test('the all-zero keys of nobody are never right', async () => {
  const { users } = usersOf([])
  assert.deepEqual(await users.authenticate(credentials('bob', 'any'), attempt), wrong)
})

test('whoever is asked about, the costliest verification is made', async () => {
  const costly = counted({ cost: 1e6, verify: async () => false })
  const cheap = counted({ cost: 1, verify: async () => true })
  const [ada, bob] = [
    { name: 'ada', groups: [], verifier: costly, scram: undefined },
    { name: 'bob', groups: [], verifier: cheap, scram: undefined },
  ]
  const { users } = usersOf([ada, bob])
  const expected = [
    ['nobody', '86', 1, 0],
    ['ada', '86', 2, 0],
    ['bob', 'bob', 3, 1],
  ] as const
  for (const [name, answer, costlyCalls, cheapCalls] of expected) {
    assert.equal(outcome(await users.authenticate(credentials(name, 'x'), attempt)), answer)
    assert.deepEqual([costly.calls, cheap.calls], [costlyCalls, cheapCalls], name)
  }
})

test('two passwords are verified at a time, some wait, and then the server is busy', async () => {
  const { users } = usersOf(listed, { maximumWaiting: 3 })
  const settled = await Promise.all(
    ['ada', 'bob', 'ada', 'bob', 'ada', 'bob', 'ada'].map((name, at) => {
      const address = `192.0.2.${at}:1` // from one address, ada would be verified once
      return users.authenticate(credentials(name, 'lovelace', address), attempt)
    }),
  )
  // known or not makes no difference
  assert.deepEqual(settled.map(outcome), ['ada', '86', 'ada', '86', 'ada', '89', '89'])
  const later = await users.authenticate(credentials('ada', 'lovelace'), attempt)
  assert.equal(outcome(later), 'ada')
})

test('a client that has gone is not verified', async () => {
  const verifier = counted({ cost: 1e6, verify: async () => true })
  const { users } = usersOf([{ name: 'ada', groups: [], verifier, scram: undefined }])
  const gone = { isOver: true }
  assert.equal(outcome(await users.authenticate(credentials('ada', 'x'), gone)), '89')
  assert.equal(verifier.calls, 0)
})

test('clients with one password share a verification, and later ones need none', async () => {
  const verifier = counted(listed[0]?.verifier ?? assert.fail())
  const ada = { name: 'ada', groups: [], verifier, scram: undefined }
  const { users, clock } = usersOf([ada])
  const ask = (password = 'lovelace') => users.authenticate(credentials('ada', password), attempt)
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask()))
  assert.deepEqual(new Set(answers.map(outcome)), new Set(['ada']))
  assert.equal(verifier.calls, 1)

  clock.advance(10 * 3_600_000)
  const again = ask()
  assert.ok(!(again instanceof Promise), 'at once while a client is connected')
  for (const each of [...answers, again]) if (each.outcome === 'accepted') each.ended?.()
  clock.advance(59_999)
  const soon = ask()
  assert.ok(!(soon instanceof Promise), 'at once for a minute after the last has left')
  if (soon.outcome === 'accepted') soon.ended?.()
  clock.advance(60_000)
  assert.ok(ask() instanceof Promise, 'verified again')
  assert.equal(outcome(await ask('wrong')), '86')
})

test('a wrong password is verified each time it comes', async () => {
  const verifier = counted({ cost: 1e6, verify: async () => false })
  const { users } = usersOf([{ name: 'ada', groups: [], verifier, scram: undefined }])
  for (let at = 0; at < 3; at++) await users.authenticate(credentials('ada', 'x'), attempt)
  assert.equal(verifier.calls, 3)
})

test('what was verified of a user who has changed counts no more', async () => {
  const [ada, ix] = listed as [User, User]
  const { users } = usersOf([ada, ix])
  const ask = (name: string, password: string) =>
    users.authenticate(credentials(name, password), attempt)
  assert.equal(outcome(await ask('ada', 'lovelace')), 'ada')
  assert.equal(outcome(await ask('IX', '\u00fc')), 'IX')
  users.replace([await user('ada', 'byron'), ix])
  assert.equal(outcome(await ask('ada', 'lovelace')), '86')
  assert.equal(outcome(await ask('ada', 'byron')), 'ada')
  const unchanged = ask('IX', '\u00fc')
  assert.ok(!(unchanged instanceof Promise))

  const pending = ask('ada', 'byron ')
  users.replace([ix])
  assert.equal(outcome(await pending), '86')
  assert.equal(outcome(await ask('ada', 'byron')), '86')
})

test('a user who is deleted while the password is verified is not let in', async () => {
  let finish = (_isRight: boolean) => {}
  const verify = () =>
    new Promise<boolean>((resolve) => {
      finish = resolve
    })
  const ada = { name: 'ada', groups: [], verifier: { cost: 1e6, verify }, scram: undefined }
  const { users } = usersOf([ada])
  const answers = [1, 2].map(() => users.authenticate(credentials('ada', 'x'), attempt))
  users.replace([])
  finish(true)
  assert.deepEqual((await Promise.all(answers)).map(outcome), ['86', '86'])
})

test('who guesses has to wait, at any way to log in, and the right password is no way out', async () => {
  const { users, clock } = usersOf(listed)
  const ask = async (password: string, address?: string) =>
    outcome(await users.authenticate(credentials('ada', password, address), attempt))
  assert.equal(await ask('lovelace'), 'ada') // is remembered now
  for (let at = 0; at < 6; at++) assert.equal(await ask(`guess ${at}`), '86')
  assert.equal(await ask('lovelace'), '9f')
  assert.equal(await ask('lovelace', '192.0.2.2:1'), 'ada')

  const exchange = users.method().start(credentials(undefined, undefined))
  const step = await exchange.next(new TextEncoder().encode('n,,n=ada,r=abc'))
  assert.ok(step.outcome === 'refused' && step.reasonCode === 0x9f)
  clock.advance(1_000)
  assert.equal(await ask('lovelace'), 'ada')
})

test('guesses that run side by side are refused once one of them has failed too often', async () => {
  const verifier = counted({ cost: 1e6, verify: async () => false })
  const { users } = usersOf([{ name: 'ada', groups: [], verifier, scram: undefined }])
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      users.authenticate(credentials('ada', `guess ${at}`), attempt),
    ),
  )
  // Five are free, the sixth delays, and one may run beside it.
  assert.ok(verifier.calls <= 7, `${verifier.calls} were verified`)
  const delayed = answers.filter((answer) => outcome(answer) === '9f').length
  assert.equal(delayed, 50 - verifier.calls)
})

test('the same users serve SCRAM', async () => {
  const { users } = usersOf(listed)
  const first = async (name: string) => {
    const exchange = users.method().start(credentials(undefined, undefined))
    const step = await exchange.next(new TextEncoder().encode(`n,,n=${name},r=abc`))
    return step.outcome === 'continue' ? new TextDecoder().decode(step.data) : step.outcome
  }
  assert.match(await first('ada'), /,s=AAECAwQFBgcICQoLDA0ODw==,i=4096$/)
  users.replace([await user('bob', 'x', 5_000)])
  assert.match(await first('bob'), /,i=5000$/)
  assert.match(await first('ada'), /,s=[\w+/]{22}==,i=5000$/) // as if she had never been
})

test('a user who is changed or deleted between the messages of SCRAM is not let in', async () => {
  const { users } = usersOf(listed)
  const [ada] = listed
  assert.ok(ada?.scram !== undefined)
  const { scram } = ada
  const log = async (between: () => void) => {
    const exchange = users.method().start(credentials(undefined, undefined))
    const bare = 'n=ada,r=abc'
    const step = await exchange.next(new TextEncoder().encode(`n,,${bare}`))
    assert.ok(step.outcome === 'continue')
    const first = new TextDecoder().decode(step.data)
    between()
    const last = await exchange.next(scramFinal({ scram, password: 'lovelace', bare, first }))
    return last.outcome
  }
  assert.equal(await log(() => {}), 'accepted')
  assert.equal(await log(() => users.replace([{ ...ada }])), 'refused', 'changed')
  assert.equal(await log(() => users.replace([])), 'refused', 'deleted')
})

test('wrong SCRAM proofs are counted as wrong passwords are', async () => {
  const { users } = usersOf(listed)
  const text = (message: string) => new TextEncoder().encode(message)
  for (let at = 0; at < 6; at++) {
    const exchange = users.method().start(credentials(undefined, undefined))
    await exchange.next(text('n,,n=ada,r=abc'))
    const step = await exchange.next(text('nonsense'))
    assert.ok(step.outcome === 'refused' && step.reasonCode === 0x87)
  }
  const answer = await users.authenticate(credentials('ada', 'lovelace'), attempt)
  assert.equal(outcome(answer), '9f')
})
