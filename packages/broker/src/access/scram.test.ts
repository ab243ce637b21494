import assert from 'node:assert/strict'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { test } from 'node:test'
import type { Credentials, ExchangeStep } from './authenticator.ts'
import {
  createScram,
  deriveScramCredentials,
  type ScramCredentials,
  ScramExchange,
} from './scram.ts'

const connect: Credentials = {
  clientIdentifier: 'c',
  username: undefined,
  password: undefined,
  protocolVersion: 5,
  address: '127.0.0.1:1',
}
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
const pencil = await deriveScramCredentials('pencil', { salt, iterations: 4_096 })

/** Different bytes at every call, the same in every run. */
function counting(): { bytes(count: number): Uint8Array } {
  let next = 0
  return { bytes: (count) => Uint8Array.from({ length: count }, () => next++ % 256) }
}

function scram(users: Record<string, ScramCredentials> = { user: pencil }, random = counting()) {
  return createScram((user) => (Object.hasOwn(users, user) ? users[user] : undefined), random)
}

const text = (data: Uint8Array | undefined): string => new TextDecoder().decode(data)
const bytes = (message: string): Uint8Array => new TextEncoder().encode(message)
const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64')

function continued(step: ExchangeStep): string {
  if (step.outcome !== 'continue') assert.fail(JSON.stringify(step))
  return text(step.data)
}

/** The client's side, written from RFC 5802, section 3, and sharing nothing with the server's. */
class ScramClient {
  readonly bare: string
  readonly #password: string
  readonly #gs2Header: string
  #expected = ''

  constructor(name: string, password: string, gs2Header = 'n,,') {
    this.bare = `n=${name},r=fyko+d2lbbFgONRv9qkxdawL`
    this.#password = password
    this.#gs2Header = gs2Header
  }

  first(): Uint8Array {
    return bytes(this.#gs2Header + this.bare)
  }

  /** `change` is made before the proof, which then covers it. */
  final(serverFirst: string, change = (withoutProof: string) => withoutProof): string {
    const [nonce = '', saltText = '', iterations = ''] = serverFirst
      .split(',')
      .map((attribute) => attribute.slice(2))
    const salted = pbkdf2Sync(
      this.#password,
      Buffer.from(saltText, 'base64'),
      Number(iterations),
      32,
      'sha256',
    )
    const clientKey = createHmac('sha256', salted).update('Client Key').digest()
    const storedKey = createHash('sha256').update(clientKey).digest()
    const withoutProof = change(`c=${base64(Buffer.from(this.#gs2Header))},r=${nonce}`)
    const authMessage = `${this.bare},${serverFirst},${withoutProof}`
    const signature = createHmac('sha256', storedKey).update(authMessage).digest()
    const serverKey = createHmac('sha256', salted).update('Server Key').digest()
    this.#expected = `v=${base64(createHmac('sha256', serverKey).update(authMessage).digest())}`
    return `${withoutProof},p=${base64(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))}`
  }

  /** Whether the server has proven that it knows the keys too. */
  trusts(serverFinal: Uint8Array | undefined): boolean {
    return text(serverFinal) === this.#expected
  }
}

test('the example of RFC 7677, section 3', async () => {
  const exchange = new ScramExchange(async (user) => {
    assert.equal(user, 'user')
    return { credentials: pencil, exists: true }
  }, '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')
  const first = await exchange.next(bytes('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
  assert.equal(
    continued(first),
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  )
  const last = await exchange.next(
    bytes(
      'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
    ),
  )
  assert.deepEqual(last, {
    outcome: 'accepted',
    user: 'user',
    data: Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='),
  })
})

const accepted = [
  ['a plain name', 'user', 'pencil', 'n,,', 'user'],
  ['a client that would bind channels', 'user', 'pencil', 'y,,', 'user'],
  ['the same authorization identity', 'user', 'pencil', 'n,a=user,', 'user'],
  ['escapes in the name', 'a=2Cb=3Dc', 'pencil', 'n,,', 'a,b=c'],
  ['an escape that gives what looks like one', 'a=3D2Cb', 'pencil', 'n,,', 'a=2Cb'],
  ['a name that SASLprep changes', '\u2168\u00ad', 'pencil', 'n,,', 'IX'],
  ['a password that SASLprep changes', 'umlaut', '\u00fc', 'n,,', 'umlaut'],
] as const
for (const [name, sent, password, gs2Header, user] of accepted) {
  test(`accepts ${name} [MQTT5-4.12.0-2]`, async () => {
    const umlaut = await deriveScramCredentials('u\u0308', { salt, iterations: 5_000 })
    const method = scram({ user: pencil, 'a,b=c': pencil, 'a=2Cb': pencil, IX: pencil, umlaut })
    assert.equal(method.name, 'SCRAM-SHA-256')
    const client = new ScramClient(sent, password, gs2Header)
    const exchange = method.start(connect)
    const serverFirst = continued(await exchange.next(client.first()))
    const step = await exchange.next(bytes(client.final(serverFirst)))
    assert.equal(step.outcome, 'accepted')
    assert.equal(step.outcome === 'accepted' && step.user, user)
    assert.ok(step.outcome === 'accepted' && client.trusts(step.data))
  })
}

async function refusal(name: string, password: string): Promise<ExchangeStep> {
  const client = new ScramClient(name, password)
  const exchange = scram().start(connect)
  return exchange.next(bytes(client.final(continued(await exchange.next(client.first())))))
}

test('a wrong password and an unknown user are refused alike [MQTT5-4.12.0-4]', async () => {
  const wrong = await refusal('user', 'pen')
  assert.deepEqual(wrong, {
    outcome: 'refused',
    reasonCode: 0x87,
    reason: 'SCRAM-SHA-256: wrong user name or password',
  })
  for (const name of ['nobody', '__proto__', 'constructor']) {
    assert.deepEqual(await refusal(name, 'pencil'), wrong)
  }
})

test('an unknown user is shown a salt like any other, and always the same', async () => {
  const method = scram()
  const shown = async (name: string): Promise<string> => {
    const answer = continued(await method.start(connect).next(bytes(`n,,n=${name},r=abc`)))
    return answer.replace(/^r=[^,]*,/, '')
  }
  assert.equal(await shown('user'), 's=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
  assert.match(await shown('nobody'), /^s=[A-Za-z0-9+/]{22}==,i=4096$/)
  assert.equal(await shown('nobody'), await shown('nobody'))
  assert.notEqual(await shown('nobody'), await shown('nobody else'))

  const like = { saltBytes: 40, iterations: 10_000 }
  const other = createScram(() => undefined, counting(), like).start(connect)
  const answer = continued(await other.next(bytes('n,,n=nobody,r=abc')))
  assert.match(answer, /,s=[A-Za-z0-9+/]{54}==?,i=10000$/)
})

test('every exchange has its own nonce, behind that of the client', async () => {
  const method = scram()
  const nonces = new Set<string>()
  for (let run = 0; run < 10; run++) {
    const answer = continued(await method.start(connect).next(bytes('n,,n=user,r=abc')))
    const [, nonce] = /^r=abc([!-+\--~]{24}),/.exec(answer) ?? assert.fail(answer)
    nonces.add(nonce ?? '')
  }
  assert.equal(nonces.size, 10)
})

const badFirst = [
  ['no data', undefined],
  ['nothing', ''],
  ['channel binding', 'p=tls-unique,,n=user,r=abc'],
  ['no GS2 header', 'n=user,r=abc'],
  ['another GS2 flag', 'x,,n=user,r=abc'],
  ['a mandatory extension', 'n,,m=ext,n=user,r=abc'],
  ['another authorization identity', 'n,a=admin,n=user,r=abc'],
  ['an empty name', 'n,,n=,r=abc'],
  ['a name that SASLprep empties', 'n,,n=\u00ad,r=abc'],
  ['a prohibited character in the name', 'n,,n=us\u0007er,r=abc'],
  ['an unknown escape', 'n,,n=us=2Der,r=abc'],
  ['a bare = in the name', 'n,,n=us=er,r=abc'],
  ['no nonce', 'n,,n=user'],
  ['an empty nonce', 'n,,n=user,r='],
  ['a nonce with a space', 'n,,n=user,r=a c'],
  ['a nonce that is not ASCII', 'n,,n=user,r=\u00fc'],
  ['an extension without a value', 'n,,n=user,r=abc,x='],
  ['attributes in another order', 'n,,r=abc,n=user'],
  ['4,097 bytes', `n,,n=user,r=${'a'.repeat(4_097 - 12)}`],
] as const
for (const [name, message] of badFirst) {
  test(`refuses a first message with ${name} [MQTT5-4.12.0-4]`, async () => {
    const method = createScram(() => assert.fail('looked up'), counting())
    const step = await method
      .start(connect)
      .next(message === undefined ? undefined : bytes(message))
    assert.equal(step.outcome, 'refused')
    assert.equal(step.outcome === 'refused' && step.reasonCode, 0x87)
  })
}

test('refuses a first message that is not UTF-8', async () => {
  const message = Buffer.concat([bytes('n,,n='), Buffer.from('ff', 'hex'), bytes(',r=abc')])
  assert.equal((await scram().start(connect).next(message)).outcome, 'refused')
})

test('takes a first message of 4,096 bytes, and ignores an optional extension', async () => {
  const long = `n,,n=user,r=abc,x=${'a'.repeat(4_096 - 18)}`
  continued(await scram().start(connect).next(bytes(long)))
})

type Change = (message: string) => string

async function finalStep(beforeProof: Change, afterProof: Change) {
  const client = new ScramClient('user', 'pencil')
  const exchange = scram().start(connect)
  const serverFirst = continued(await exchange.next(client.first()))
  const right = client.final(serverFirst)
  const sent = afterProof(client.final(serverFirst, beforeProof))
  assert.notEqual(sent, right)
  const step = await exchange.next(bytes(sent))
  const later = await exchange.next(bytes(right))
  return { step, later }
}

// Proven, so that nothing but the check itself refuses them.
const badProven: readonly (readonly [string, Change, RegExp])[] = [
  ['another nonce', (final) => final.replace(/,r=./, ',r=X'), /another nonce/],
  ['the nonce of the client only', (final) => final.slice(0, -24), /another nonce/],
  ['a longer nonce', (final) => `${final}x`, /another nonce/],
  ['another GS2 header', (final) => final.replace('c=biws', 'c=eSws'), /another GS2 header/],
  ['a GS2 header in other words', (final) => final.replace('biws', 'biws='), /another GS2 header/],
  ['no GS2 header', (final) => final.replace('c=biws,', ''), /malformed/],
  ['a mandatory extension', (final) => `${final},m=ext`, /mandatory extension/],
  ['one behind another', (final) => `${final},x=y,m=ext`, /mandatory extension/],
  ['an extension before the nonce', (final) => final.replace(',r=', ',m=ext,r='), /malformed/],
]
for (const [name, change, reason] of badProven) {
  test(`refuses a proven final message with ${name}, and every later one`, async () => {
    const { step, later } = await finalStep(change, (message) => message)
    assert.match(step.outcome === 'refused' ? step.reason : 'not refused', reason)
    assert.equal(later.outcome, 'refused')
  })
}

test('an optional extension of the final message is ignored', async () => {
  const { step } = await finalStep(
    (final) => `${final},x=y`,
    (message) => message,
  )
  assert.equal(step.outcome, 'accepted')
})

const badFinal: readonly (readonly [string, Change])[] = [
  ['an extension that is not in the proof', (final) => final.replace(',p=', ',x=y,p=')],
  ['no proof', (final) => final.replace(/,p=.*/, '')],
  ['an empty proof', (final) => final.replace(/,p=.*/, ',p=')],
  ['a proof of 31 bytes', (final) => final.replace(/,p=.*/, `,p=${base64(new Uint8Array(31))}`)],
  ['a proof of 33 bytes', (final) => final.replace(/,p=.*/, `,p=${base64(new Uint8Array(33))}`)],
  ['a proof of zeros', (final) => final.replace(/,p=.*/, `,p=${base64(new Uint8Array(32))}`)],
  ['something behind the proof', (final) => `${final},x=y`],
  ['a second proof', (final) => `${final},p=${final.split(',p=')[1]}`],
  ['too many bytes', (final) => final.replace(',p=', `,x=${'a'.repeat(5_000)},p=`)],
  ['the first message again', () => 'n,,n=user,r=abc'],
  ['nothing', () => ''],
]
for (const [name, change] of badFinal) {
  test(`refuses a final message with ${name}, and every later one [MQTT5-4.12.0-4]`, async () => {
    const { step, later } = await finalStep((message) => message, change)
    assert.equal(step.outcome === 'refused' && step.reasonCode, 0x87)
    assert.equal(later.outcome, 'refused')
  })
}

test('a proof is good once: neither again nor in another exchange', async () => {
  const client = new ScramClient('user', 'pencil')
  const method = scram()
  const exchange = method.start(connect)
  const right = bytes(client.final(continued(await exchange.next(client.first()))))
  assert.equal((await exchange.next(right)).outcome, 'accepted')
  assert.equal((await exchange.next(right)).outcome, 'refused')
  const other = method.start(connect)
  continued(await other.next(client.first()))
  assert.equal((await other.next(right)).outcome, 'refused')
})

test('a message while the user is looked up is out of turn', async () => {
  const found = Promise.withResolvers<ScramCredentials>()
  const exchange = createScram(() => found.promise, counting()).start(connect)
  const first = exchange.next(bytes('n,,n=user,r=abc'))
  assert.equal((await exchange.next(bytes('n,,n=user,r=abc'))).outcome, 'refused')
  found.resolve(pencil)
  continued(await first)
})

test('a lookup that fails lets nobody in', async () => {
  const down = createScram(() => Promise.reject(new Error('down')), counting())
  await assert.rejects(async () => down.start(connect).next(bytes('n,,n=user,r=abc')), /down/)
})

const underivable = [
  ['an empty password', '', 4_096],
  ['a prohibited character', 'a\0b', 4_096],
  ['too few iterations', 'pencil', 4_095],
] as const
for (const [name, password, iterations] of underivable) {
  test(`derives no keys from ${name}`, async () => {
    await assert.rejects(deriveScramCredentials(password, { salt, iterations }), RangeError)
  })
}
