import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type ConfigInput, parseConfig } from '../config.ts'
import { silentLog } from '../log.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { LiveAuthentication } from './live-authentication.ts'
import { formatEntry, makeEntry } from './password-file.ts'
import { readPassword } from './password-verifier.ts'

// RFC 5802 with 4096 iterations, the password `p` and the salt `salt`
const scram = {
  salt: 'c2FsdA==',
  iterations: 4_096,
  storedKey: 'KWwHs1ysS4TG8aVMBScx1VhLJ3KSCqfSRgDNt4mY41Q=',
  serverKey: 'npDy99qnByIELLIqisIld8O1Q3Le3jX0Fdls6+FA3TE=',
}
const [ada, bob] = [
  { name: 'ada', scram },
  { name: 'bob', scram },
]

const inMemory: ConfigInput['store'] = { engine: 'memory' }
const configOf = (auth: ConfigInput['auth'], store = inMemory) => parseConfig({ store, auth })

/** Whose password is `p`. */
async function userEntry(name: string) {
  const password = readPassword(new TextEncoder().encode('p')) ?? assert.fail()
  return await makeEntry({ name, groups: [] }, password, true)
}

async function startWith(auth: ConfigInput['auth'], store = inMemory) {
  const rim = {
    clock: new VirtualClock(),
    random: { bytes: (count: number) => randomBytes(count) },
    log: silentLog,
    authenticators: [],
    isGuarded: false,
  }
  const live = await LiveAuthentication.open(configOf(auth, store), rim)
  const changed: string[] = []
  live.usersChanged = (names) => void changed.push(...names)
  const ask = async (username: string | undefined) => {
    const answer = await live.authenticate(
      {
        clientIdentifier: 'c',
        username,
        password: new TextEncoder().encode('p'),
        protocolVersion: 5,
        address: '192.0.2.1:1',
      },
      { isOver: false },
    )
    if (answer.outcome === 'refused') return answer.reasonCode.toString(16)
    return answer.outcome === 'accepted' ? `${answer.user}` : answer.outcome
  }
  return { live, changed, ask }
}

test('another configuration is in force once it is put there, and who is gone is named', async () => {
  const { live, changed, ask } = await startWith({ users: [ada, bob] })
  using _ = live
  const { methods } = live
  const commit = await live.follow(configOf({ users: [bob, { ...ada, groups: ['ops'] }] }))
  assert.deepEqual(changed, [])
  commit()
  assert.deepEqual(changed, ['ada'])
  assert.deepEqual([await ask('ada'), await ask('bob')], ['ada', 'bob'])
  ;(await live.follow(configOf({ users: [bob] })))()
  assert.deepEqual(changed, ['ada', 'ada'])
  assert.deepEqual([await ask('ada'), await ask('bob')], ['86', 'bob'])
  ;(await live.follow(configOf({ allowAnonymous: true })))()
  assert.deepEqual(changed, ['ada', 'ada', 'bob'])
  assert.equal(await ask(undefined), 'undefined')
  assert.equal(live.methods, methods)
  assert.deepEqual(methods, [])
})

test('a broker that authenticates does not stop to because something is missing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-live-'))
  try {
    const passwords = join(folder, 'passwords')
    await writeFile(passwords, formatEntry(await userEntry('ada')))
    const store = { engine: 'sqlite', dir: folder } as const
    const { live, ask } = await startWith({}, store)
    using _ = live
    assert.equal(await ask(undefined), '87')
    await rm(passwords)
    await assert.rejects(
      live.follow(configOf({}, store)),
      /^ConfigError: auth: .*passwords is gone/,
    )
    assert.deepEqual([await ask(undefined), await ask('ada')], ['87', 'ada'])
    ;(await live.follow(configOf({ users: [bob] }, store)))()
    await assert.rejects(live.follow(configOf({}, store)), /auth: has nothing to authenticate by/)
    assert.deepEqual([await ask(undefined), await ask('bob')], ['87', 'bob'])
    ;(await live.follow(configOf({ allowAnonymous: true }, store)))()
    assert.equal(await ask(undefined), 'undefined')
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('who is verified while others are put in force is asked about anew', async () => {
  const { live, ask } = await startWith({ users: [ada, bob] })
  using _ = live
  const commit = await live.follow(configOf({ users: [bob] }))
  const answers = [ask('ada'), ask('bob')]
  const [method] = live.methods
  const exchange = method?.start({
    clientIdentifier: 'c',
    username: undefined,
    password: undefined,
    protocolVersion: 5,
    address: '192.0.2.1:1',
  })
  await exchange?.next(new TextEncoder().encode('n,,n=ada,r=abc'))
  commit()
  assert.deepEqual(await Promise.all(answers), ['86', 'bob'])
  const step = await exchange?.next(new TextEncoder().encode('c=biws,r=abc,p='))
  assert.ok(step?.outcome === 'refused' && step.reasonCode === 0x89)
})

test('wrong passwords that somebody else finds are counted with all others', async () => {
  const { live, ask } = await startWith({ users: [ada] })
  using _ = live
  const wrong = { outcome: 'refused', reasonCode: 0x86, reason: 'wrong' } as const
  const guarded = live.guarded({ authenticate: () => wrong })
  const guess = async () => {
    const about = { clientIdentifier: 'c', password: undefined, protocolVersion: 5 } as const
    const from = { username: 'ada', address: '192.0.2.1:1' }
    const answer = await guarded.authenticate({ ...about, ...from }, { isOver: false })
    return answer.outcome === 'refused' ? answer.reasonCode : undefined
  }
  for (let at = 0; at < 6; at++) assert.equal(await guess(), 0x86)
  assert.equal(await guess(), 0x9f)
  assert.equal(await ask('ada'), '9f')
})

test('what is remembered outlives a reload of the same', async () => {
  const { live, ask } = await startWith({ users: [ada] })
  using _ = live
  assert.equal(await ask('ada'), 'ada')
  for (let at = 0; at < 6; at++) await ask('eve')
  ;(await live.follow(configOf({ users: [ada] })))()
  const answer = live.authenticate(
    {
      clientIdentifier: 'c',
      username: 'ada',
      password: new TextEncoder().encode('p'),
      protocolVersion: 5,
      address: '192.0.2.1:1',
    },
    { isOver: false },
  )
  assert.ok(!(answer instanceof Promise), 'the right password')
  assert.equal(await ask('eve'), '9f', 'the wrong ones')
})

test('one that cannot be used changes nothing, and files are read again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-live-'))
  try {
    const secretFile = join(folder, 'secret')
    await writeFile(secretFile, 'x'.repeat(32))
    const auth = { users: [ada], jwt: { audience: 'a', secretFile } }
    const { live, ask } = await startWith(auth)
    using _ = live
    await writeFile(secretFile, 'short')
    await assert.rejects(live.follow(configOf(auth)), /secretFile: has 5 bytes/)
    await assert.rejects(live.follow(configOf({ passwordFile: join(folder, 'none') })), /no such/)
    assert.equal(await ask('ada'), 'ada')
  } finally {
    await rm(folder, { recursive: true })
  }
})
