import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type OwnBroker, startOwnBroker } from '../src/attack/own-broker.ts'
import { TestAuthority } from '../src/attack/tls-broker.ts'
import { chromiumPath, openPage, startBusbarForPages } from '../src/browser/browser.ts'
import { eventually } from '../src/deadline.ts'
import { needsFile } from '../src/needs.ts'

const skip = needsFile(chromiumPath, 'chromium')
const script = fileURLToPath(new URL('../src/browser/page.ts', import.meta.url))

test('in Chromium: connect, subscribe, publish, reload, reconnect, offline', { skip }, async () => {
  await using opened = await openPage(script)
  const { page, errors } = opened
  /** Calls what the page has; the arguments are plain. */
  const call = <Result>(name: string, ...args: unknown[]): Promise<Result> =>
    page.evaluate(`pageTest.${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')})`)
  const received = () => call<string[]>('received')
  const gets = (expected: readonly string[]) =>
    eventually(async () => {
      return JSON.stringify(await received()) === JSON.stringify(expected)
    }, `${expected} in the page`)

  let broker = await startBusbarForPages()
  try {
    const { ws } = broker
    assert.equal(await call('connect', ws, 'page'), '5 false')
    await call('subscribe', 'rooms/#')
    for (const qos of [0, 1, 2]) await call('publish', `rooms/${qos}`, `grün ${qos}`, qos)
    await gets(['rooms/0 grün 0', 'rooms/1 grün 1', 'rooms/2 grün 2'])

    // The session outlives the page, and is found again by the next one.
    await page.reload()
    assert.equal(await call('connect', ws, 'page'), '5 true')
    await call('subscribe', 'rooms/#')
    await call('publish', 'rooms/1', 'after reload', 1)
    await gets(['rooms/1 after reload'])

    // The broker goes and comes back: the client does as well, and is subscribed again.
    const port = new URL(ws).port
    await broker[Symbol.asyncDispose]()
    await eventually(async () => {
      return (await call<string[]>('states')).some((state) => state.startsWith('disconnected'))
    }, 'loss')
    broker = await startBusbarForPages(port)
    await eventually(async () => {
      return (await call<string[]>('states')).includes('connected lost')
    }, 'the client to come back')
    await call('publish', 'rooms/2', 'after the broker', 2)
    await gets(['rooms/1 after reload', 'rooms/2 after the broker'])

    // What is stored while there is no broker survives the page too.
    await broker[Symbol.asyncDispose]()
    for (const number of [1, 2, 3]) await call('enqueue', `offline/${number}`, 'kept')
    await page.reload()
    await call('startWithoutServer', ws, 'page')
    await call('enqueue', 'offline/4', 'kept')
    assert.equal(await call('waiting'), 4)
    broker = await startBusbarForPages(port)
    await eventually(async () => (await call('waiting')) === 0, 'an empty outbox')
    await call('subscribe', 'offline/+') // they are retained
    await eventually(async () => (await received()).length === 4, 'four messages')
    const expected = [1, 2, 3, 4].map((number) => `offline/${number} kept`)
    assert.deepEqual((await received()).toSorted(), expected)
    assert.deepEqual(errors, [])
  } finally {
    await broker[Symbol.asyncDispose]()
  }
})

test('a page without a part of the client goes on when it is there', { skip }, async () => {
  await using opened = await openPage(script)
  const { page, errors } = opened
  await using broker = await startBusbarForPages()
  const states = () => page.evaluate<string[]>('pageTest.states()')
  const upkeep = '**/upkeep*.js'
  await page.route(upkeep, (route) => route.abort())
  await page.evaluate(`pageTest.startWithoutServer('${broker.ws}', 'page')`)
  const part = 'a part of the client cannot be loaded'
  await eventually(async () => (await states()).includes(`disconnected ${part}`), part)
  const before = (await states()).length
  await page.unroute(upkeep)
  await eventually(async () => {
    return (await states()).slice(before).includes('connected resumed')
  }, 'the client to come back')
  await page.evaluate(`pageTest.publish('rooms/1', 'again', 1)`)
  assert.deepEqual(errors, [])
})

test('in Chromium over wss: the listener of Busbar itself', { skip }, async () => {
  const trusted = new TestAuthority()
  const trustedKeys = [keyHash(trusted.server.certificate)]
  await using opened = await openPage(script, { trustedKeys })
  const { page, errors } = opened
  await using broker = await startWssForPages(trusted)
  const url = await wssOf(broker)
  assert.equal(await page.evaluate(`pageTest.connect('${url}', 'secure')`), '5 false')
  await page.evaluate(`pageTest.subscribe('secure/#')`)
  for (const qos of [0, 1, 2]) {
    await page.evaluate(`pageTest.publish('secure/${qos}', 'grün ${qos}', ${qos})`)
  }
  const received = () => page.evaluate<string[]>('pageTest.received()')
  await eventually(async () => (await received()).length === 3, 'three messages')
  assert.deepEqual(await received(), ['secure/0 grün 0', 'secure/1 grün 1', 'secure/2 grün 2'])

  // Chromium does look at certificates: another key for the same name is refused.
  await using other = await startWssForPages(new TestAuthority())
  const otherUrl = await wssOf(other)
  const opening = (to: string) => page.evaluate<string>(`pageTest.opening('${to}')`)
  assert.deepEqual([await opening(url), await opening(otherUrl)], ['open', 'error'])
  assert.deepEqual(errors, [])
})

/** A broker with TLS to which pages of every origin may connect. */
async function startWssForPages(at: TestAuthority): Promise<OwnBroker> {
  const tls = { certificate: 'server.crt', key: 'server.key' }
  const listeners = [
    { kind: 'tcp', port: 0 },
    { kind: 'ws', port: 0 },
    { kind: 'ws', port: 0, tls, origins: ['*'] },
  ] as const
  return await startOwnBroker({ listeners: [...listeners] }, at.files)
}

async function wssOf({ program }: OwnBroker): Promise<string> {
  return (await program.line(/^ {2}wss:/)).trim()
}

/** The Base64 of the SHA-256 of the public key in a certificate. */
function keyHash(certificate: string): string {
  const key = new X509Certificate(certificate).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(key).digest('base64')
}

test('the IndexedDB of Chromium keeps what every store keeps', { skip }, async (t) => {
  await using opened = await openPage(script)
  const { count, failures } = await opened.page.evaluate<{ count: number; failures: string[] }>(
    'pageTest.storeContract()',
  )
  assert.deepEqual(failures, [])
  assert.ok(count >= 12)
  t.diagnostic(`${count} cases`)
})
