import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigError } from '../config-error.ts'
import { createLog } from '../log.ts'
import {
  formatEntry,
  makeEntry,
  type PasswordEntry,
  parsePasswordFile,
  readPasswordFile,
} from './password-file.ts'
import { editPasswordFile, parseMosquittoPasswords } from './password-file-edit.ts'
import { PasswordFileWatch } from './password-file-watch.ts'
import { parseVerifier, readPassword } from './password-verifier.ts'
import type { User } from './users.ts'

const password = (text: string) =>
  readPassword(new TextEncoder().encode(text)) ?? assert.fail('not a password')

// as written by `mosquitto_passwd` 2.0.11 for the password `secret`
const pbkdf2 =
  '$7$101$2iQULTBPRtGYiLGB$kwKmt78eGFsaoy7x3vg1TYr8DG1O6AQEf+EiEduTYI6m4zXrTzePU9+kYqMDZBK2sHvg1j2vHadbGFBbmwQKsw=='
const sha512 =
  '$6$OTmbbkFBhuCSVnRi$YlrNpzO84Get7hkMfJOjFuJ+fR1XbWB14QED3gPQyHyX9h3t3H+LxRLd0l1gPQkQe0s1DkV6imXLNiTzdRbOJg=='
const ada = await makeEntry({ name: 'ada', groups: ['ops'] }, password('lovelace'), false)
const bob: PasswordEntry = { name: 'bob', groups: [], password: sha512 }

const right = [
  ['scrypt', ada.password, 'lovelace'],
  ['Mosquitto, PBKDF2', pbkdf2, 'secret'],
  ['Mosquitto, SHA-512', sha512, 'secret'],
] as const
for (const [name, kept, text] of right) {
  test(`verifies a password: ${name}`, async () => {
    const verifier = parseVerifier(kept) ?? assert.fail('not read')
    assert.equal(await verifier.verify(password(text)), true)
    for (const wrong of [`${text} `, text.toUpperCase(), text.slice(1)]) {
      assert.equal(await verifier.verify(password(wrong)), false)
    }
  })
}

test('scrypt is that of RFC 7914, section 12', async () => {
  const salt = Buffer.from('SodiumChloride').toString('base64').replace(/=+$/, '')
  const hex =
    '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887'
  const key = Buffer.from(hex, 'hex').toString('base64').replace(/=+$/, '')
  const verifier = parseVerifier(`$scrypt$ln=14,r=8,p=1$${salt}$${key}`) ?? assert.fail()
  assert.equal(await verifier.verify(password('pleaseletmein')), true)
})

const salt16 = 'AAAAAAAAAAAAAAAAAAAAAA'
const key32 = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const unreadable = [
  ['nothing', ''],
  ['the password itself', 'lovelace'],
  ['another scheme', '$2b$10$abcdefghijklmnopqrstuv'],
  ['too little work', `$scrypt$ln=9,r=8,p=1$${salt16}$${key32}`],
  ['too much memory', `$scrypt$ln=20,r=32,p=1$${salt16}$${key32}`],
  ['a key of 3 bytes', `$scrypt$ln=15,r=8,p=1$${salt16}$AAAA`],
  ['no iterations', pbkdf2.replace('101', '0')],
  ['a key that is cut off', pbkdf2.slice(0, -4)],
  ['something behind it', `${sha512} `],
] as const
for (const [name, kept] of unreadable) {
  test(`does not read ${name}`, () => assert.equal(parseVerifier(kept), undefined))
}

test('a file is read as it was written', async () => {
  const entries = [ada, bob, { ...bob, name: 'a "quoted"\nname: \u2028' }]
  const parsed = parsePasswordFile(entries.map(formatEntry).join(''), 'p')
  assert.deepEqual(
    parsed.map(({ entry }) => JSON.parse(JSON.stringify(entry))),
    JSON.parse(JSON.stringify(entries)),
  )
  assert.deepEqual(
    parsed.map(({ user }) => [user.groups, user.scram?.iterations]),
    [
      [['ops'], 10_000],
      [[], undefined],
      [[], undefined],
    ],
  )
})

test('--scrypt-only leaves the SCRAM keys out', async () => {
  const entry = await makeEntry({ name: 'ada', groups: [] }, password('lovelace'), true)
  assert.equal(entry.scram, undefined)
})

const lineOf = (entry: object) => `${JSON.stringify(entry)}\n`
const good = formatEntry(bob)
const malformed = [
  ['an empty file', '', /^p: has no users, .*`busbar user add NAME`$/],
  ['a blank file', ' \n\n', /^p: has no users/],
  ['an empty line', `${good}\n`, /^p:2: is empty; remove it$/],
  ['a file that was cut off', good.slice(0, -1), /^p:1: has no end of line$/],
  ['a line that was cut off', `${good}{"name":"a`, /^p:2: has no end of line$/],
  ['no JSON', `ada:${pbkdf2}\n`, /^p:1: is not a user; a line is {"name":/],
  ['a list', '[]\n', /^p:1: is not a user/],
  ['null', 'null\n', /^p:1: is not a user/],
  ['no name', lineOf({ password: sha512 }), /^p:1: is not a user/],
  ['an empty name', lineOf({ ...bob, name: '' }), /^p:1: is not a user/],
  ['U+0000 in a name', lineOf({ ...bob, name: 'a\0' }), /^p:1: is not a user/],
  ['groups that are text', lineOf({ ...bob, groups: 'ops' }), /^p:1: is not a user/],
  ['a member too many', lineOf({ ...bob, admin: true }), /^p:1: is not a user/],
  ['a prototype', '{"__proto__":{},"name":"a","password":"x"}\n', /^p:1: /],
  ['the password itself', lineOf({ ...bob, password: 'hunter2' }), /^p:1: has a password that is/],
  ['bad SCRAM keys', lineOf({ ...ada, scram: 'SCRAM-SHA-256$1:aaaa$b:c' }), /^p:1: has SCRAM keys/],
  ['a user twice', good + good, /^p:2: has the user "bob" of line 1 again; remove one of the two$/],
  ['a user twice in other words', good + lineOf({ ...bob, name: 'b\u00adob' }), /^p:2: .*"bob"/],
] as const
for (const [name, content, expected] of malformed) {
  test(`refuses ${name}`, () => {
    assert.throws(
      () => parsePasswordFile(content, 'p'),
      (error: Error) => {
        assert.ok(error instanceof ConfigError)
        assert.match(error.message, expected)
        assert.doesNotMatch(error.message, /hunter2/)
        return true
      },
    )
  })
}

test('tells all that is wrong at once', () => {
  assert.throws(() => parsePasswordFile(`x\n${good}y\n`, 'p'), /^ConfigError: p:1: .*\np:3: /)
})

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-passwords-'))
  try {
    await work(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

test('a change replaces the file as a whole, for its owner only', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'new', 'passwords')
    await editPasswordFile(file, async (entries) => [...entries, ada])
    await editPasswordFile(file, async (entries) => [...entries, bob])
    assert.equal(await readFile(file, 'utf8'), formatEntry(ada) + formatEntry(bob))
    assert.equal((await stat(file)).mode & 0o777, 0o600)
    assert.equal((await stat(join(folder, 'new'))).mode & 0o777, 0o700)
    assert.deepEqual(await readdir(join(folder, 'new')), ['passwords'])
  }))

test('a change that fails, or runs beside another, changes nothing', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'passwords')
    await editPasswordFile(file, async () => [ada])
    const before = await readFile(file)
    const failing = editPasswordFile(file, async () => {
      await assert.rejects(
        editPasswordFile(file, async () => [bob]),
        /is changing .*passwords.new/,
      )
      throw new Error('no')
    })
    await assert.rejects(failing, /^Error: no$/)
    assert.deepEqual(await readFile(file), before)
    assert.deepEqual(await readdir(folder), ['passwords'])
    await writeFile(file, 'damaged\n')
    await assert.rejects(
      editPasswordFile(file, async () => [bob]),
      ConfigError,
    )
    assert.equal(await readFile(file, 'utf8'), 'damaged\n')
  }))

test('a file that cannot be read says why', () =>
  inFolder(async (folder) => {
    const missing = join(folder, 'missing')
    await assert.rejects(readPasswordFile(missing), /there is no such file; `busbar user add`/)
    await assert.rejects(readPasswordFile(folder), /it is a folder/)
    await writeFile(join(folder, 'binary'), Uint8Array.of(0xff, 0x0a))
    await assert.rejects(readPasswordFile(join(folder, 'binary')), /is not UTF-8 text/)
  }))

test('imports what Mosquitto wrote', () => {
  const entries = parseMosquittoPasswords(`# users\nada:${pbkdf2}\r\n\nbob:${sha512}\n`, 'm')
  assert.deepEqual(entries, [
    { name: 'ada', groups: [], password: pbkdf2 },
    { name: 'bob', groups: [], password: sha512 },
  ])
})

const notImported = [
  ['plain passwords', 'ada:hunter2\n', /^m:1: is not NAME:.*mosquitto_passwd -U$/],
  ['no colon', 'ada\n', /^m:1: /],
  ['no name', `:${sha512}\n`, /^m:1: /],
  ['nobody', '# nobody\n', /^m: has no users$/],
] as const
for (const [name, content, expected] of notImported) {
  test(`imports nothing with ${name}`, () => {
    assert.throws(
      () => parseMosquittoPasswords(content, 'm'),
      ({ message }: Error) => expected.test(message) && !message.includes('hunter2'),
    )
  })
}

test('a file in use is read again when it has changed, and a bad one changes nothing', () =>
  inFolder(async (folder) => {
    const file = join(folder, 'passwords')
    const logged: string[] = []
    const log = createLog({ level: 'info', format: 'text' }, { write: (line) => logged.push(line) })
    const changes: { users: readonly User[]; changed: string[] }[] = []
    using watch = new PasswordFileWatch(file, log, (users, names) =>
      changes.push({ users, changed: [...names] }),
    )
    await assert.rejects(watch.open(), /`busbar user add` makes it/)
    await editPasswordFile(file, async () => [ada, bob])
    const [first, second] = await watch.open()
    await watch.check()
    assert.equal(changes.length, 0)

    await editPasswordFile(file, async () => [ada, { ...bob, groups: ['ops'] }])
    await watch.check()
    assert.deepEqual(changes[0]?.changed, ['bob'])
    assert.equal(changes[0]?.users[0], first, 'an unchanged user stays the same object')
    assert.notEqual(changes[0]?.users[1], second)

    for (const bad of ['', 'hunter2\n']) {
      await writeFile(file, bad)
      await watch.check()
    }
    await rm(file)
    await watch.check()
    await watch.check()
    assert.equal(changes.length, 1)
    assert.equal(
      logged.filter((line) => / error the password file cannot be used/.test(line)).length,
      3,
    )
    assert.doesNotMatch(logged.join(''), /hunter2/)

    await editPasswordFile(file, async () => [ada])
    await watch.check()
    assert.deepEqual(changes[1]?.changed, ['bob'])
    assert.match(logged.at(-1) ?? '', /in order again/)
  }))
