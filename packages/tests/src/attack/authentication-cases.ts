import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { once } from 'node:events'
import { rename, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { formatEntry } from '@busbar/broker'
import { scramSha256 } from '@busbar/client'
import { busbar } from '../busbar.ts'
import { eventually, within } from '../deadline.ts'
import { run } from '../program.ts'
import { connectPacket, RawClient } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { askedAddresses } from './asked-addresses.ts'
import type { AttackCase, Ground } from './attack-case.ts'
import {
  codeOf,
  logIn,
  passwordFile,
  startOwnBroker,
  startWithUser,
  userEntry,
} from './own-broker.ts'
import { everything, passwordOf } from './rig.ts'

const ownGuard = 'its settings against guesses are its own'
const ownFiles = 'its file of users is its own'
const ownChain = 'it needs a web hook or tokens'

export const authenticationCases: readonly AttackCase[] = [
  {
    number: 40,
    name: '100 clients flapping on one Client Identifier',
    own: 'a setting of its own',
    run: flapping,
  },
  {
    number: 42,
    name: 'wrong password and unknown user look the same',
    hasRules: true,
    run: sameRefusal,
  },
  {
    number: 43,
    name: 'brute force is delayed, the workers are bounded',
    own: ownGuard,
    run: bruteForce,
  },
  {
    number: 44,
    name: 'clients that come back at once are let in at once',
    hasRules: true,
    run: reconnect,
  },
  {
    number: 45,
    name: 'an empty, blank or malformed password file',
    own: ownFiles,
    run: malformedFile,
  },
  { number: 46, name: 'a reload with a bad file keeps the users', own: ownFiles, run: badReload },
  {
    number: 47,
    name: 'a hook or a key set that is down lets nobody in',
    own: ownChain,
    run: backendDown,
  },
  { number: 48, name: 'forged tokens', own: ownChain, run: forgedTokens },
  { number: 49, name: 'AUTH that nobody asked for', hasRules: true, run: unaskedAuth },
  {
    number: 49,
    name: 'AUTH out of sequence, or as another user',
    own: 'it needs SCRAM',
    run: authOutOfSequence,
  },
  {
    number: 60,
    name: 'a hook or a key set on the local link, or a redirect',
    own: ownChain,
    run: askedAddresses,
  },
  {
    number: 61,
    name: 'secrets in log and status',
    own: 'its log and status are its own',
    run: secretsShown,
  },
]

async function flapping(): Promise<void> {
  // Only a broker with a data folder can be asked for its status.
  const store = { engine: 'sqlite' } as const
  await using broker = await startOwnBroker({ store, auth: { flapping: { takeovers: 10 } } })
  const attempt = async (): Promise<{ client: RawClient; code: number | string }> => {
    const client = await RawClient.open(broker.tcp)
    client.send(connectPacket({ clientIdentifier: 'contested' }))
    const answer = await client.packets.next('an answer to CONNECT')
    if (answer === 'closed') return { client, code: 'taken over before CONNACK' }
    assert.ok(answer.type === 'connack')
    return { client, code: answer.reasonCode }
  }
  const all = await Promise.all(Array.from({ length: 100 }, attempt))
  const isUp = ({ client }: { client: RawClient }) => !client.isClosed
  await eventually(() => all.filter(isUp).length <= 1, 'the others to be closed')
  const refused = all.filter(({ code }) => code === 0x9f)
  assert.ok(refused.length >= 89, `${refused.length} of 89 were refused`)
  const survivor = all.find(isUp)
  assert.ok(survivor, 'one survives')
  await survivor.client.ping()
  const { statistics } = await statusOf(broker.folder)
  assert.deepEqual([statistics.sessions, statistics.clientsConnected], [1, 1])
  await survivor.client.leave()
}

async function sameRefusal({ rig }: Ground): Promise<void> {
  await using broker = await rig.start({ users: ['ada'], grants: [everything] })
  for (const version of [3, 4, 5] as const) {
    const answers = await Promise.all(
      ['ada', 'nobody', '__proto__'].map(async (username) => {
        await using client = await RawClient.open(broker.tcp, version)
        const password = new TextEncoder().encode('wrong')
        const { reasonCode, properties } = await client.connect({ username, password })
        await within(client.closed, 'the end of a refused connection')
        return { reasonCode, properties }
      }),
    )
    assert.equal(answers[0]?.reasonCode, version === 5 ? 0x86 : 4)
    for (const answer of answers) assert.deepEqual(answer, answers[0])
  }
}

async function bruteForce(): Promise<void> {
  const attempts = { free: 3, delaySeconds: 60, maximumDelaySeconds: 60, perAddress: 0 }
  await using broker = await startWithUser({ attempts, waiting: 10 })
  const { client: bystander } = await logIn(broker.tcp, 'ada', 'lovelace', 'bystander')
  const guesses = await Promise.all(
    Array.from({ length: 200 }, (_, at) => codeOf(broker.tcp, 'ada', `guess ${at}`)),
  )
  const counted = (code: number) => guesses.filter((each) => each === code).length
  assert.ok(counted(0x86) <= 5, `${counted(0x86)} guesses were verified`)
  assert.ok(counted(0x9f) > 0 && counted(0x86) + counted(0x89) + counted(0x9f) === 200)
  assert.equal(await codeOf(broker.tcp, 'ada', 'lovelace'), 0x9f) // the right one comes too late
  await bystander.ping()
  const lines = broker.program.output.split('\n')
  assert.equal(lines.filter((line) => line.includes('attempts are refused')).length, 1)

  // Many users at once: what waits for a worker is bounded, and others are told so.
  const many = await Promise.all(
    Array.from({ length: 200 }, (_, at) => codeOf(broker.tcp, `user ${at}`, 'x')),
  )
  assert.ok(many.includes(0x89) && many.every((code) => code === 0x86 || code === 0x89))
  await bystander.ping()
  await bystander.leave()
}

async function reconnect({ rig }: Ground): Promise<void> {
  await using broker = await rig.start({ users: ['ada'], grants: [everything] })
  const password = passwordOf('ada')
  const connectAll = () =>
    Promise.all(
      Array.from({ length: 300 }, (_, at) => logIn(broker.tcp, 'ada', password, `c${at}`)),
    )
  // More than two workers could verify in the time: the first is verified, the others need not be.
  for (let round = 0; round < 3; round++) {
    const all = await connectAll()
    assert.deepEqual(new Set(all.map(({ reasonCode }) => reasonCode)), new Set([0]))
    await Promise.all(all.map(({ client }) => client[Symbol.asyncDispose]()))
  }
}

async function malformedFile(): Promise<void> {
  const files = [
    ['', /"users", which has no users/],
    [' \n \n', /"users", which has no users/],
    ['ada:hunter2\n', /users:1: is not a user/],
    [
      formatEntry(await userEntry('ada', 'lovelace')).repeat(2),
      /users:2: has the user "ada" of line 1/,
    ],
  ] as const
  for (const [content, expected] of files) {
    await using folder = await temporaryFolder()
    await writeFile(join(folder.path, passwordFile), content)
    const flags = ['--port', '0', '--memory', '--set', `auth.passwordFile=${passwordFile}`]
    const ended = await run(busbar, ['broker', ...flags], { cwd: folder.path })
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, expected)
    assert.doesNotMatch(ended.stderr, /hunter2|\$scrypt\$ln/)
  }
}

async function badReload(): Promise<void> {
  await using broker = await startWithUser()
  const { client } = await logIn(broker.tcp, 'ada', 'lovelace', 'stays')
  const file = join(broker.folder, passwordFile)
  for (const content of ['', 'ada:hunter2\n']) {
    await writeFile(`${file}.bad`, content)
    await rename(`${file}.bad`, file)
    const alarms = () => broker.program.output.split('the users stay as they were').length - 1
    const before = alarms()
    await eventually(() => alarms() > before, 'the alarm')
    assert.equal(await codeOf(broker.tcp, 'ada', 'lovelace'), 0)
    assert.equal(await codeOf(broker.tcp, 'ada', 'hunter2'), 0x86)
    await client.ping()
  }
  await client.leave()
}

async function backendDown(): Promise<void> {
  const url = await closedAddress()
  const jwt = { audience: 'mqtt', jwksUrl: url }
  await using broker = await startOwnBroker({ auth: { jwt, http: { url } } })
  assert.equal(await codeOf(broker.tcp, 'ada', 'lovelace'), 0x88)
  assert.equal(await codeOf(broker.tcp, 'ada', token({ alg: 'RS256', kid: 'k' }, claims())), 0x88)
}

/** An address at which nobody listens any more. */
async function closedAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return `http://127.0.0.1:${port}/`
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const publicPem = rsa.publicKey.export({ type: 'spki', format: 'pem' })

type Signer = (text: string) => Buffer

const byRsa: Signer = (text) => sign('sha256', Buffer.from(text), rsa.privateKey)

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url')

function token(header: object, payload: object, signer: Signer = byRsa): string {
  const signed = `${encode(header)}.${encode(payload)}`
  return `${signed}.${signer(signed).toString('base64url')}`
}

const inSeconds = (seconds: number) => Math.floor(Date.now() / 1_000) + seconds

function claims(more: object = {}): object {
  return { sub: 'ada', aud: 'mqtt', exp: inSeconds(3_600), ...more }
}

async function forgedTokens(): Promise<void> {
  const jwt = { audience: 'mqtt', publicKeyFile: 'key', clockToleranceSeconds: 0 }
  await using broker = await startOwnBroker({ auth: { jwt } }, { key: String(publicPem) })
  const rs256 = { alg: 'RS256' }
  const forged: readonly (readonly [string, string])[] = [
    ['alg none', token({ alg: 'none' }, claims(), () => Buffer.alloc(0))],
    [
      'the public key as a secret',
      token({ alg: 'HS256' }, claims(), (text) =>
        createHmac('sha256', publicPem).update(text).digest(),
      ),
    ],
    [
      'another key',
      token(rs256, claims(), (text) => sign('sha256', Buffer.from(text), stranger.privateKey)),
    ],
    [
      'a key of its own',
      token({ ...rs256, jwk: stranger.publicKey.export({ format: 'jwk' }) }, claims(), (text) =>
        sign('sha256', Buffer.from(text), stranger.privateKey),
      ),
    ],
    ['expired', token(rs256, claims({ exp: inSeconds(-10) }))],
    ['no expiry', token(rs256, claims({ exp: undefined }))],
    ['not yet', token(rs256, claims({ nbf: inSeconds(3_600) }))],
    ['no audience', token(rs256, claims({ aud: undefined }))],
    ['another audience', token(rs256, claims({ aud: 'other' }))],
  ]
  for (const [name, text] of forged) {
    assert.equal(await codeOf(broker.tcp, 'ada', text), 0x87, name)
    assert.ok(!broker.program.output.includes(text), `${name} is in the log`)
  }
  assert.equal(await codeOf(broker.tcp, 'ada', token(rs256, claims())), 0)
  // The connection ends with the token.
  const short = await logIn(broker.tcp, 'ada', token(rs256, claims({ exp: inSeconds(10) })))
  assert.equal(short.reasonCode, 0)
  assert.equal((await short.client.next('disconnect')).reasonCode, 0xa0)
}

async function unaskedAuth({ rig }: Ground): Promise<void> {
  await using broker = await rig.start({ users: ['ada'], grants: [everything] })
  await using unasked = (await logIn(broker.tcp, 'ada', passwordOf('ada'))).client
  const properties = { authenticationMethod: 'SCRAM-SHA-256' }
  unasked.send({ type: 'auth', reasonCode: 0x19, properties })
  assert.equal((await unasked.next('disconnect')).reasonCode, 0x82)
}

async function authOutOfSequence(): Promise<void> {
  const eve = formatEntry(await userEntry('eve', 'apple'))
  const ada = formatEntry(await userEntry('ada', 'lovelace'))
  await using broker = await startOwnBroker(
    { auth: { passwordFile } },
    { [passwordFile]: ada + eve },
  )
  const method = { authenticationMethod: 'SCRAM-SHA-256' }
  for (const [reasonCode, authenticationMethod, expected] of [
    [0x18, 'SCRAM-SHA-256', 0x82],
    [0x19, 'SCRAM-SHA-1', 0x8c],
  ] as const) {
    await using client = await scramLogIn(broker.tcp, 'ada', 'lovelace')
    client.send({ type: 'auth', reasonCode, properties: { authenticationMethod } })
    assert.equal((await client.next('disconnect')).reasonCode, expected)
  }

  await using client = await scramLogIn(broker.tcp, 'ada', 'lovelace')
  const exchange = scramSha256('eve', 'apple').start()
  const properties = async (data: Promise<Uint8Array | undefined>) => {
    const authenticationData = await data
    return { ...method, ...(authenticationData !== undefined && { authenticationData }) }
  }
  client.send({ type: 'auth', reasonCode: 0x19, properties: await properties(exchange.first()) })
  const { authenticationData } = (await client.next('auth')).properties
  const answer = await properties(exchange.next(authenticationData))
  client.send({ type: 'auth', reasonCode: 0x18, properties: answer })
  assert.equal((await client.next('disconnect')).reasonCode, 0x87)
}

async function scramLogIn(url: string, username: string, password: string): Promise<RawClient> {
  const client = await RawClient.open(url)
  const authenticationMethod = 'SCRAM-SHA-256'
  const exchange = scramSha256(username, password).start()
  const authenticationData = (await exchange.first()) as Uint8Array
  client.send(connectPacket({ properties: { authenticationMethod, authenticationData } }))
  const auth = await client.next('auth')
  const data = (await exchange.next(auth.properties.authenticationData)) as Uint8Array
  client.send({
    type: 'auth',
    reasonCode: 0x18,
    properties: { authenticationMethod, authenticationData: data },
  })
  const connack = await client.next('connack')
  assert.equal(connack.reasonCode, 0)
  await exchange.finish(connack.properties.authenticationData)
  return client
}

async function secretsShown(): Promise<void> {
  const secrets = ['lovelace', 'wrong guess', 'Bearer hunter2', 'hook secret']
  const url = await closedAddress()
  const entry = await userEntry('ada', 'lovelace')
  const key = Buffer.alloc(32, 7).toString('base64')
  const scram = { salt: 'c2FsdA==', iterations: 4_096, storedKey: key, serverKey: key }
  await using broker = await startOwnBroker(
    {
      store: { engine: 'sqlite' },
      auth: {
        passwordFile,
        users: [{ name: 'bob', scram }],
        http: { url: `${url}?token=hook%20secret`, authorizationFile: 'authorization' },
      },
      log: { level: 'debug' },
    },
    { [passwordFile]: formatEntry(entry), authorization: 'Bearer hunter2\n' },
  )
  assert.equal(await codeOf(broker.tcp, 'ada', 'lovelace'), 0)
  assert.equal(await codeOf(broker.tcp, 'ada', 'wrong guess'), 0x86)
  assert.equal(await codeOf(broker.tcp, 'eve', 'wrong guess'), 0x88)
  const bad = [
    'broker',
    '--port',
    '0',
    '--memory',
    '--set',
    `auth.users=[{name: a, scram: {storedKey: lovelace}}]`,
  ]
  const refused = await run(busbar, bad, { cwd: broker.folder })
  assert.equal(refused.code, 2)
  const status = JSON.stringify(await statusOf(broker.folder))
  const said = broker.program.output + refused.stdout + refused.stderr + status
  for (const secret of [...secrets, entry.password, entry.scram ?? '', key, 'hook%20secret']) {
    assert.ok(!said.includes(secret), `${secret} is shown`)
  }
}

async function statusOf(cwd: string): Promise<{ statistics: Record<string, number> }> {
  const { stdout, stderr } = await run(busbar, ['status', '--json'], { cwd })
  assert.equal(stderr, '')
  return JSON.parse(stdout)
}
