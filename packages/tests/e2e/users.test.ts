import assert from 'node:assert/strict'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { busbar, startProgram } from '../src/busbar.ts'
import { needs } from '../src/needs.ts'
import { run } from '../src/program.ts'
import { RawClient } from '../src/raw-client.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const secret = 'open sesame 1001'
const other = 'correct horse battery'

/** `busbar user …` on a data folder, with what is typed into it. */
function user(cwd: string, args: readonly string[], input = '') {
  const flags = ['add', 'passwd'].includes(args[0] ?? '') ? ['--password-stdin'] : []
  return run(busbar, ['user', ...args, ...flags], { cwd, input })
}

async function logIn(url: string, username: string, password: string): Promise<RawClient> {
  const client = await RawClient.open(url)
  const bytes = new TextEncoder().encode(password)
  const { reasonCode } = await client.connect({
    clientIdentifier: username,
    username,
    password: bytes,
  })
  if (reasonCode !== 0) assert.fail(`refused with 0x${reasonCode.toString(16)}`)
  return client
}

test('users from the command line to the running broker', { timeout: 120_000 }, async () => {
  const folder = await temporaryFolder()
  const { path: cwd } = folder
  const file = join(cwd, 'busbar-data', 'passwords')
  const added = await user(cwd, ['add', 'ada', '--group', 'ops'], `${secret}\n`)
  assert.deepEqual([added.code, added.stdout], [0, 'added ada to busbar-data/passwords\n'])
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await user(cwd, ['add', 'bob', '--scrypt-only'], secret)).code, 0)
  assert.equal((await user(cwd, ['add', 'ada'], secret)).code, 1)
  const listed = await user(cwd, ['list'])
  assert.equal(listed.stdout, '  ada  scrypt, SCRAM-SHA-256  groups: ops\n  bob  scrypt\n')

  // The two commands that open a broker to a network; the address of all is loopback here.
  const flags = ['broker', '--port', '0', '--ws-port', '0', '--log-level', 'debug']
  await using broker = await startProgram(busbar, flags, folder)
  await assert.rejects(logIn(broker.tcp, 'ada', other), /refused with 0x86/)
  await assert.rejects(logIn(broker.tcp, 'eve', secret), /refused with 0x86/)
  await using ada = await logIn(broker.tcp, 'ada', secret)
  await using bob = await logIn(broker.ws, 'bob', secret)

  // A change disconnects whom it is about, and nobody else.
  assert.equal((await user(cwd, ['passwd', 'ada'], other)).code, 0)
  assert.equal((await ada.next('disconnect')).reasonCode, 0x98)
  await bob.ping()
  await assert.rejects(logIn(broker.tcp, 'ada', secret), /refused with 0x86/)
  await using again = await logIn(broker.tcp, 'ada', other)
  assert.equal((await user(cwd, ['del', 'bob'])).code, 0)
  assert.equal((await bob.next('disconnect')).reasonCode, 0x98)
  assert.match((await user(cwd, ['del', 'ada'])).stderr, /ada is the last user/)

  // A bad file changes nothing and raises an alarm.
  const kept = JSON.parse(await readFile(file, 'utf8'))
  await writeFile(file, `ada:${secret}\n`)
  await broker.program.line(/the password file cannot be used, the users stay as they were/)
  await again.ping()
  await (await logIn(broker.tcp, 'ada', other)).leave()
  const status = await run(busbar, ['status', '--json'], { cwd })
  assert.equal(JSON.parse(status.stdout).statistics.authenticationsRefused, 3)

  const said = broker.program.output + status.stdout + added.stdout + listed.stdout
  for (const hidden of [secret, other, kept.password, kept.scram]) {
    assert.ok(!said.includes(hidden), `${hidden} was shown`)
  }
})

const bad = [
  ['an empty file', '', /"passwords", which has no users, .*`busbar user add NAME`/],
  ['a plain password', 'ada:hunter2\n', /passwords:1: is not a user; a line is /],
] as const
for (const [name, content, expected] of bad) {
  test(`a broker does not start with ${name}`, async () => {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, 'passwords'), content)
    const flags = ['--port', '0', '--memory', '--set', 'auth.passwordFile=passwords']
    const ended = await run(busbar, flags, { cwd: folder.path })
    assert.equal(ended.code, 2)
    assert.match(ended.stderr, expected)
    assert.doesNotMatch(ended.stderr, /hunter2/)
  })
}

test('users of Mosquitto log in as before', { skip: needs('mosquitto_passwd') }, async () => {
  const folder = await temporaryFolder()
  const { path: cwd } = folder
  const made = [
    ['ada', ['-c', '-H', 'sha512']],
    ['bob', ['-H', 'sha512-pbkdf2']],
  ] as const
  for (const [name, flags] of made) {
    const ended = await run('mosquitto_passwd', [...flags, '-b', 'mosquitto', name, secret], {
      cwd,
    })
    assert.equal(ended.code, 0, ended.stderr)
  }
  const imported = await user(cwd, ['import', 'mosquitto'])
  assert.equal(imported.stdout, 'imported 2 users from mosquitto to busbar-data/passwords\n')
  assert.equal((await user(cwd, ['import', 'mosquitto'])).code, 1)
  await using broker = await startProgram(busbar, ['--port', '0', '--ws-port', '0'], folder)
  for (const [name] of made) {
    await (await logIn(broker.tcp, name, secret)).leave()
    await assert.rejects(logIn(broker.tcp, name, other), /refused with 0x86/)
  }
  assert.match(await readFile(join(cwd, 'busbar-data', 'passwords'), 'utf8'), /\$6\$.*\n.*\$7\$/)
})
