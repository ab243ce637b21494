import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { runCommandLine } from '../command-line.ts'

const root = mkdtempSync(join(tmpdir(), 'busbar-cert-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = () => join(root, String(++folders))

async function cert(folder: string, line: string) {
  const said: string[] = []
  const output = {
    say: (text: string) => said.push(text),
    complain: (text: string) => said.push(text),
  }
  const code = await runCommandLine(['cert', ...line.split(' '), '--dir', folder], output)
  return { code, said: said.join('\n') }
}

const read = (folder: string, name: string) =>
  new X509Certificate(readFileSync(join(folder, `${name}.crt`)))

test('an authority, a server and a client that it vouches for', async () => {
  const folder = newFolder()
  for (const line of ['ca', 'server', 'client device-7']) {
    assert.equal((await cert(folder, line)).code, 0)
  }
  const authority = read(folder, 'ca')
  assert.equal(authority.subject, 'CN=Busbar lab')
  for (const name of ['server', 'device-7']) {
    assert.equal(read(folder, name).verify(authority.publicKey), true)
  }
  for (const host of ['127.0.0.1', '::1']) assert.ok(read(folder, 'server').checkIP(host))
  assert.equal(read(folder, 'server').checkHost('localhost'), 'localhost')
  assert.equal(read(folder, 'device-7').subject, 'CN=device-7')
  for (const name of ['ca', 'server', 'device-7']) {
    assert.equal(statSync(join(folder, `${name}.key`)).mode & 0o777, 0o600)
  }
})

test('hosts, names and lifetimes are as asked for', async () => {
  const folder = newFolder()
  await cert(folder, 'ca Plant --days 30')
  const { said } = await cert(folder, 'server mqtt.plant.example 192.0.2.1 --out plant --days 7')
  assert.match(said, /made plant\.crt and plant\.key for mqtt\.plant\.example, 192\.0\.2\.1/)
  const server = read(folder, 'plant')
  assert.equal(server.checkIP('192.0.2.1'), '192.0.2.1')
  assert.equal(Math.round((server.validToDate.getTime() - Date.now()) / 86_400_000), 7)
  assert.equal(read(folder, 'ca').subject, 'CN=Plant')
})

test('nothing is replaced unless that is asked for', async () => {
  const folder = newFolder()
  await cert(folder, 'ca')
  const before = readFileSync(join(folder, 'ca.crt'), 'utf8')
  const { code, said } = await cert(folder, 'ca')
  assert.deepEqual([code, readFileSync(join(folder, 'ca.crt'), 'utf8')], [1, before])
  assert.match(said, /is there already.*--force$/)
  assert.equal((await cert(folder, 'ca --force')).code, 0)
  assert.notEqual(readFileSync(join(folder, 'ca.crt'), 'utf8'), before)
})

test('a certificate is revoked in a list beside those before it', async () => {
  const folder = newFolder()
  for (const line of ['ca', 'client a', 'client b']) await cert(folder, line)
  const sizes: number[] = []
  for (const name of ['a', 'b', 'b']) {
    assert.equal((await cert(folder, `revoke ${join(folder, `${name}.crt`)}`)).code, 0)
    sizes.push(readFileSync(join(folder, 'ca.crl'), 'utf8').length)
  }
  assert.ok((sizes[1] ?? 0) > (sizes[0] ?? 0))
})

const refused = [
  ['sever', 2, /actions ca, server, client and revoke, and no sever$/],
  ['client', 2, /needs NAME$/],
  ['client a b', 2, /takes no b$/],
  ['client ../a', 2, /cannot name a file here: add --out NAME$/],
  ['client ca', 2, /cannot name a file here/],
  ['server a/b', 2, /a\/b is no host name$/],
  ['ca --days 0', 2, /--days is a whole number from 1/],
  ['server', 1, /There is no authority in .*: `busbar cert ca` makes one$/],
  ['revoke absent.crt', 1, /absent\.crt cannot be read/],
] as const

for (const [line, code, message] of refused) {
  test(`busbar cert ${line} is refused`, async () => {
    const folder = newFolder()
    const refusal = await cert(folder, line)
    assert.equal(refusal.code, code)
    assert.match(refusal.said, message)
    assert.equal(existsSync(folder), false)
  })
}
