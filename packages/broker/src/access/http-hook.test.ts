import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebClient } from '../bounded-request.ts'
import { createLog } from '../log.ts'
import type { Authentication, Credentials } from './authenticator.ts'
import { createHttpHook, type HttpHookOptions } from './http-hook.ts'
import { startWebServer, type WebServer } from './web-server.contract.ts'

const credentials: Credentials = {
  clientIdentifier: 'c1',
  username: 'ada',
  password: new TextEncoder().encode('lovelace'),
  protocolVersion: 5,
  address: '192.0.2.1:1',
}

async function ask(
  url: string,
  given: Partial<Credentials> = {},
  options: Partial<HttpHookOptions> = {},
): Promise<{ answer: Authentication; logged: string }> {
  using client = new WebClient(new URL(url), 2)
  let logged = ''
  const write = (line: string) => {
    logged += line
  }
  const hook = createHttpHook({
    client,
    timeoutMs: 30_000,
    concurrency: 2,
    maximumWaiting: 10,
    allowLinkLocal: false,
    authorization: 'Bearer hunter2',
    log: createLog({ level: 'info', format: 'text' }, { write }),
    now: () => 0,
    ...options,
  })
  const answer = await hook.authenticate({ ...credentials, ...given }, { isOver: false })
  return { answer, logged }
}

const saying = (text: string, status = 200): Promise<WebServer> =>
  startWebServer((response) => response.writeHead(status).end(text))

test('asks with all that is known, and takes the answer', async () => {
  await using server = await saying(
    '{"result":"allow","groups":["ops"],"variables":{"site":"n1"},"expires":1000}',
  )
  const { answer } = await ask(server.url)
  assert.deepEqual(answer, {
    outcome: 'accepted',
    user: 'ada',
    groups: ['ops'],
    variables: new Map([['site', 'n1']]),
    expiresAt: 1_000_000,
  })
  const [{ headers, body } = assert.fail()] = server.requests
  assert.equal(headers.authorization, 'Bearer hunter2')
  assert.equal(headers['content-type'], 'application/json')
  assert.deepEqual(JSON.parse(body), {
    clientId: 'c1',
    username: 'ada',
    password: 'lovelace',
    protocolVersion: 5,
    address: '192.0.2.1:1',
  })
})

test('a password that is no text goes as Base64, and one that is not there not at all', async () => {
  await using server = await saying('{"result":"allow"}')
  await ask(server.url, { password: Uint8Array.of(0xff, 0) })
  await ask(server.url, { password: undefined, username: undefined })
  const [first, second] = server.requests.map(({ body }) => JSON.parse(body))
  assert.deepEqual([first.password, first.passwordBase64], [undefined, '/wA='])
  assert.deepEqual(Object.keys(second), ['clientId', 'protocolVersion', 'address'])
})

test('may deny, ignore and rename', async () => {
  const outcomes: unknown[] = []
  for (const text of [
    '{"result":"deny"}',
    '{"result":"ignore"}',
    '{"result":"allow","user":"x"}',
  ]) {
    await using server = await saying(text)
    const { answer } = await ask(server.url)
    outcomes.push(
      'user' in answer ? answer.user : 'reasonCode' in answer ? answer.reasonCode : answer.outcome,
    )
  }
  assert.deepEqual(outcomes, [0x86, 'passed-on', 'x'])
})

const noAnswers = [
  ['nothing', '', 200],
  ['true', 'true', 200],
  ['another word', '{"result":"allowed"}', 200],
  ['a member too many', '{"result":"allow","superuser":true}', 200],
  ['groups that are text', '{"result":"allow","groups":"ops"}', 200],
  ['the right answer with another status', '{"result":"allow"}', 201],
  ['a redirect', '{"result":"allow"}', 307],
  ['an error', '{"result":"allow"}', 500],
  ['too much', `{"result":"allow"}${' '.repeat(65_536)}`, 200],
] as const
for (const [name, text, status] of noAnswers) {
  test(`refuses on ${name}`, async () => {
    await using server = await startWebServer((response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(text),
    )
    const { answer, logged } = await ask(server.url)
    assert.ok(answer.outcome === 'refused' && answer.reasonCode === 0x88)
    assert.match(logged, /error the authentication hook fails, so clients are refused/)
    assert.doesNotMatch(logged, /lovelace|hunter2/)
    assert.equal(server.requests.length, 1)
  })
}

test('refuses when nobody answers, or not in time', async () => {
  const server = await saying('')
  await server[Symbol.asyncDispose]()
  const down = await ask(server.url)
  assert.ok(down.answer.outcome === 'refused' && down.answer.reasonCode === 0x88)
  await using silent = await startWebServer(() => {})
  const late = await ask(silent.url, {}, { timeoutMs: 20 })
  assert.ok(late.answer.outcome === 'refused' && late.answer.reasonCode === 0x88)
})

test('asks nobody on the local link, unless that is meant', async () => {
  for (const host of ['169.254.169.254', '[fe80::1]', '[::ffff:169.254.0.1]', '[fd00:ec2::254]']) {
    const { answer, logged } = await ask(`http://${host}/`)
    assert.ok(answer.outcome === 'refused')
    assert.match(logged, /one of the local link/)
  }
})

test('so many are asked about at a time, some wait, and the others are told to come later', async () => {
  const waiting: (() => void)[] = []
  await using server = await startWebServer((response) =>
    waiting.push(() => response.end('{"result":"allow"}')),
  )
  using client = new WebClient(new URL(server.url), 2)
  const hook = createHttpHook({
    client,
    timeoutMs: 30_000,
    concurrency: 2,
    maximumWaiting: 1,
    allowLinkLocal: false,
    authorization: undefined,
    log: createLog({ level: 'error', format: 'text' }),
    now: () => 0,
  })
  const answers = [1, 2, 3, 4].map(() => hook.authenticate(credentials, { isOver: false }))
  const last = await answers[3]
  assert.ok(last?.outcome === 'refused' && last.reasonCode === 0x89)
  const answerAll = setInterval(() => {
    for (const answer of waiting.splice(0)) answer()
  }, 5)
  const outcomes = (await Promise.all(answers.slice(0, 3))).map(({ outcome }) => outcome)
  clearInterval(answerAll)
  assert.deepEqual(outcomes, ['accepted', 'accepted', 'accepted'])
})
