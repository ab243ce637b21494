import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Authentication, Credentials } from './authenticator.ts'
import { createScram, deriveScramCredentials } from './scram.ts'
import { createUserList, type ListedUser, type UserListOptions } from './user-list.ts'

const attempt = { isOver: false }
const salt = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')

async function user(name: string, password: string, iterations = 4_096): Promise<ListedUser> {
  return { name, scram: await deriveScramCredentials(password, { salt, iterations }) }
}

const users = [
  await user('ada', 'lovelace'),
  await user('\u2168', 'u\u0308', 5_000), // prepared: IX
  await user('private \ue000', 'lovelace'),
  await user('long', 'a'.repeat(1_024)),
  await user('too long', 'a'.repeat(1_025)),
]

function credentials(
  username: string | undefined,
  password: string | Uint8Array | undefined,
): Credentials {
  return {
    clientIdentifier: 'c',
    username,
    password: typeof password === 'string' ? new TextEncoder().encode(password) : password,
    protocolVersion: 5,
    address: '127.0.0.1:1',
  }
}

async function authenticate(given: Credentials, options: UserListOptions = {}) {
  return createUserList(users, options).authenticator.authenticate(given, attempt)
}

const accepted = [
  ['the right password', 'ada', 'lovelace', 'ada'],
  ['another spelling of name and password', 'IX', '\u00fc', 'IX'],
  ['a name that SASLprep prohibits', 'private \ue000', 'lovelace', 'private \ue000'],
  ['a password of 1,024 bytes', 'long', 'a'.repeat(1_024), 'long'],
] as const
for (const [name, username, password, known] of accepted) {
  test(`accepts ${name}`, async () => {
    assert.deepEqual(await authenticate(credentials(username, password)), {
      outcome: 'accepted',
      user: known,
    })
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
  ['an empty password', 'ada', ''],
  ['a password that is not UTF-8', 'ada', Uint8Array.of(0xff)],
  ['a password with U+0000', 'ada', 'lovelace\0'],
  ['a password with a byte order mark that is not dropped', 'ada', 'lovelace\ufffe'],
  ['a password of 1,025 bytes, right as it is', 'too long', 'a'.repeat(1_025)],
  ['an unknown user with a password of 1,025 bytes', 'bob', 'a'.repeat(1_025)],
] as const
for (const [name, username, password] of refused) {
  for (const allowAnonymous of [false, true]) {
    test(`refuses ${name} with 0x86${allowAnonymous ? ', anonymous clients or not' : ''}`, async () => {
      assert.deepEqual(
        await authenticate(credentials(username, password), { allowAnonymous }),
        wrong,
      )
    })
  }
}

test('a client without a user name is anonymous, and let in only if that is allowed', async () => {
  for (const password of [undefined, 'lovelace']) {
    const given = credentials(undefined, password)
    const step = await authenticate(given)
    assert.equal(step.outcome === 'refused' && step.reasonCode, 0x87)
    assert.deepEqual(await authenticate(given, { allowAnonymous: true }), {
      outcome: 'accepted',
      user: undefined,
    })
  }
})

test('the all-zero keys of nobody are never right', async () => {
  const empty = createUserList([])
  const step = await empty.authenticator.authenticate(credentials('bob', 'any'), attempt)
  assert.deepEqual(step, wrong)
  assert.equal(empty.lookup('bob'), undefined)
})

test('two passwords are verified at a time, some wait, and then the server is busy', async () => {
  const { authenticator } = createUserList(users, { maximumWaiting: 3 })
  const answers = Array.from({ length: 7 }, (_, at) =>
    authenticator.authenticate(credentials(at % 2 === 0 ? 'ada' : 'bob', 'lovelace'), attempt),
  )
  const settled = await Promise.all(answers)
  assert.deepEqual(
    settled.map((step) =>
      step.outcome === 'accepted' ? step.user : 'reasonCode' in step && step.reasonCode,
    ),
    ['ada', 0x86, 'ada', 0x86, 'ada', 0x89, 0x89], // known or not makes no difference
  )
  const later = await authenticator.authenticate(credentials('ada', 'lovelace'), attempt)
  assert.equal(later.outcome, 'accepted')
})

test('an unknown user takes about as long as a known one', async () => {
  const { authenticator } = createUserList([await user('ada', 'lovelace', 100_000)])
  const time = async (username: string): Promise<number> => {
    const times: number[] = []
    for (let run = 0; run < 5; run++) {
      const before = performance.now()
      await authenticator.authenticate(credentials(username, 'wrong'), attempt)
      times.push(performance.now() - before)
    }
    return Math.min(...times)
  }
  const known = await time('ada')
  const unknown = await time('bob')
  assert.ok(unknown > known / 3, `${unknown} ms and ${known} ms`) // 4,096 iterations would take a 24th
})

test('the same list serves SCRAM', async () => {
  const list = createUserList(users)
  assert.deepEqual(list.shape, { saltBytes: 16, iterations: 4_096 })
  assert.equal(list.lookup('IX'), users[1]?.scram)
  const random = { bytes: (count: number) => new Uint8Array(count) }
  const exchange = createScram(list.lookup, random, list.shape).start(credentials('ada', undefined))
  const step = await exchange.next(new TextEncoder().encode('n,,n=ada,r=abc'))
  assert.match(
    step.outcome === 'continue' ? new TextDecoder().decode(step.data) : '',
    /,s=AAECAwQFBgcICQoLDA0ODw==,i=4096$/,
  )
})

const ada = users[0] ?? assert.fail()
const impossible: readonly (readonly [string, readonly ListedUser[], RegExp])[] = [
  ['a name twice', [ada, ada], /two users are called "ada"/],
  [
    'names that SASLprep makes one',
    [ada, { ...ada, name: 'a\u00adda' }],
    /two users are called "ada"/,
  ],
  [
    'too few iterations',
    [{ ...ada, scram: { ...ada.scram, iterations: 1 } }],
    /keys of user "ada"/,
  ],
  [
    'a key of 31 bytes',
    [{ ...ada, scram: { ...ada.scram, storedKey: new Uint8Array(31) } }],
    /keys of user "ada"/,
  ],
]
for (const [name, listed, message] of impossible) {
  test(`refuses a list with ${name}`, () => {
    assert.throws(() => createUserList(listed), { name: 'RangeError', message })
  })
}
