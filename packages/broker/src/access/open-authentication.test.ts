import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type ConfigInput, parseConfig } from '../config.ts'
import { silentLog } from '../log.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import type { Authentication, Authenticator } from './authenticator.ts'
import { openAuthentication } from './open-authentication.ts'
import { formatEntry, makeEntry, type PasswordEntry } from './password-file.ts'
import { editPasswordFile } from './password-file-edit.ts'
import { readPassword } from './password-verifier.ts'
import { startWebServer } from './web-server.contract.ts'

async function entryOf(name: string, password: string): Promise<PasswordEntry> {
  const read = readPassword(new TextEncoder().encode(password)) ?? assert.fail()
  return await makeEntry({ name, groups: ['staff'] }, read, false)
}

const ada = await entryOf('ada', 'lovelace')
const eve = await entryOf('eve', 'apple')
// RFC 5802 with 4096 iterations, the password `p` and the salt `salt`
const bob = {
  name: 'bob',
  groups: ['inline'],
  scram: {
    salt: 'c2FsdA==',
    iterations: 4_096,
    storedKey: 'KWwHs1ysS4TG8aVMBScx1VhLJ3KSCqfSRgDNt4mY41Q=',
    serverKey: 'npDy99qnByIELLIqisIld8O1Q3Le3jX0Fdls6+FA3TE=',
  },
}

let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'busbar-open-'))
})
after(() => rm(folder, { recursive: true }))

let files = 0
async function fileWith(...entries: readonly PasswordEntry[]): Promise<string> {
  const path = join(folder, `passwords-${++files}`)
  await writeFile(path, entries.map(formatEntry).join(''), { mode: 0o600 })
  return path
}

async function open(
  auth: ConfigInput['auth'],
  given: { authenticators?: readonly Authenticator[]; allowAnonymous?: boolean } = {},
) {
  const config = parseConfig({ auth })
  const opened = await openAuthentication({
    config,
    clock: new VirtualClock(),
    random: { bytes: (count) => randomBytes(count) },
    log: silentLog,
    authenticators: given.authenticators ?? [],
    passwordFile: config.auth.passwordFile,
    allowAnonymous: given.allowAnonymous ?? false,
  })
  const ask = async (username: string | undefined, password: string): Promise<string> =>
    described(
      await opened.authenticator.authenticate(
        {
          clientIdentifier: 'c',
          username,
          password: new TextEncoder().encode(password),
          protocolVersion: 5,
          address: '192.0.2.1:1',
        },
        { isOver: false },
      ),
    )
  return Object.assign(opened, { ask })
}

function described(answer: Authentication): string {
  if (answer.outcome === 'refused') return answer.reasonCode.toString(16)
  if (answer.outcome === 'passed-on') return answer.outcome
  return `${answer.user}: ${(answer.groups ?? []).join()}`
}

test('users of the file and of the configuration', async () => {
  using opened = await open({ passwordFile: await fileWith(ada), users: [bob] })
  assert.deepEqual(
    [
      await opened.ask('ada', 'lovelace'),
      await opened.ask('bob', 'p'),
      await opened.ask('ada', 'p'),
      await opened.ask('eve', 'lovelace'),
      await opened.ask(undefined, 'lovelace'),
    ],
    ['ada: staff', 'bob: inline', '86', '86', '87'],
  )
  assert.deepEqual(
    opened.methods.map(({ name }) => name),
    ['SCRAM-SHA-256'],
  )
})

test('refuses a user who is in both', async () => {
  const passwordFile = await fileWith(ada, { ...eve, name: 'bob' })
  await assert.rejects(open({ passwordFile, users: [bob] }), {
    name: 'ConfigError',
    message: `auth.users[0].name: is "bob", as that of a user in ${passwordFile}; allowed is a name of its own`,
  })
})

test('a file that has changed is taken up, and who is concerned is named', async () => {
  const passwordFile = await fileWith(ada)
  using opened = await open({ passwordFile })
  const changed: string[] = []
  opened.usersChanged = (names) => void changed.push(...names)
  await editPasswordFile(passwordFile, async () => [eve])
  await Promise.all([opened.reload(), opened.reload()])
  assert.deepEqual(changed, ['ada'])
  assert.deepEqual(
    [await opened.ask('eve', 'apple'), await opened.ask('ada', 'lovelace')],
    ['eve: staff', '86'],
  )
  await writeFile(passwordFile, '')
  await opened.reload()
  assert.equal(await opened.ask('eve', 'apple'), 'eve: staff')
})

test('the web hook is asked about unknown users only, and its ignorance is the end', async () => {
  let result = 'allow'
  await using server = await startWebServer((response) => response.end(JSON.stringify({ result })))
  using opened = await open({ passwordFile: await fileWith(ada), http: { url: server.url } })
  assert.equal(await opened.ask('ada', 'wrong'), '86')
  assert.equal(server.requests.length, 0)
  assert.equal(await opened.ask('eve', 'x'), 'eve: ')
  result = 'ignore'
  assert.equal(await opened.ask('eve', 'x'), '86')
  assert.equal(await opened.ask(undefined, 'x'), '87')
})

test('authenticators of the program come before the users', async () => {
  const asRoot: Authenticator = {
    authenticate: ({ username }) =>
      username === 'root' ? { outcome: 'accepted', user: 'root' } : { outcome: 'passed-on' },
  }
  const passwordFile = await fileWith(ada)
  using opened = await open({ passwordFile }, { authenticators: [asRoot] })
  assert.deepEqual(
    [await opened.ask('root', ''), await opened.ask('ada', 'lovelace')],
    ['root: ', 'ada: staff'],
  )
})

test('where nothing is configured, everybody is nobody', async () => {
  using opened = await open({}, { allowAnonymous: true })
  assert.equal(await opened.ask('ada', 'x'), 'undefined: ')
  using closed = await open({}, { allowAnonymous: false })
  assert.deepEqual([await closed.ask('ada', 'x'), await closed.ask(undefined, '')], ['86', '87'])
})
