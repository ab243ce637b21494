import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLog } from '../log.ts'
import { AttemptGuard } from './attempt-guard.ts'
import { AuthenticationChain, guarded, lastLink } from './authentication-chain.ts'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'

const anonymous: Credentials = {
  clientIdentifier: 'c',
  username: undefined,
  password: undefined,
  protocolVersion: 5,
  address: '192.0.2.1:1',
}
const ada = { ...anonymous, username: 'ada' }
const attempt = { isOver: false }

const passes: Authentication = { outcome: 'passed-on' }
const accepts: Authentication = { outcome: 'accepted', user: 'ada' }
const refuses: Authentication = { outcome: 'refused', reasonCode: 0x86, reason: 'no' }

const link = (answer: Authentication): Authenticator => ({ authenticate: () => answer })
const later = (answer: Authentication): Authenticator => ({ authenticate: async () => answer })

const decisions = [
  ['nobody', [], '86'],
  ['the first that decides', [link(passes), link(accepts), link(refuses)], 'accepted'],
  ['a refusal before an acceptance', [link(refuses), link(accepts)], '86'],
  ['one that decides later', [later(passes), later(refuses), link(accepts)], '86'],
  ['nobody, and all were asked', [link(passes), later(passes)], '86'],
] as const
for (const [name, links, expected] of decisions) {
  test(`decided by ${name}`, async () => {
    const chain = new AuthenticationChain([...links, lastLink({ allowAnonymous: true })])
    const answer = await chain.authenticate(ada, attempt)
    assert.equal(
      answer.outcome === 'refused' ? answer.reasonCode.toString(16) : answer.outcome,
      expected,
    )
  })
}

test('who gives no name is let in only where that is allowed', async () => {
  const answer = async (allowAnonymous: boolean) =>
    await new AuthenticationChain([link(passes), lastLink({ allowAnonymous })]).authenticate(
      anonymous,
      attempt,
    )
  assert.deepEqual(await answer(true), { outcome: 'accepted', user: undefined })
  const refused = await answer(false)
  assert.ok(refused.outcome === 'refused' && refused.reasonCode === 0x87)
})

const notAnswers: readonly unknown[] = [undefined, null, true, {}, { outcome: 'yes' }, 'accepted']
for (const answer of notAnswers) {
  test(`${JSON.stringify(answer)} is no answer, and lets nobody in`, async () => {
    for (const broken of [link(answer as Authentication), later(answer as Authentication)]) {
      const chain = new AuthenticationChain([broken, link(accepts)])
      await assert.rejects(async () => await chain.authenticate(ada, attempt), /gave no answer/)
    }
  })
}

test('a failure lets nobody in', async () => {
  const thrower: Authenticator = {
    authenticate: () => {
      throw new Error('down')
    },
  }
  const chain = new AuthenticationChain([thrower, link(accepts)])
  await assert.rejects(async () => await chain.authenticate(ada, attempt), /down/)
})

test('guesses at somebody else’s authenticator are slowed down too', async () => {
  const limits = {
    free: 1,
    delaySeconds: 10,
    maximumDelaySeconds: 10,
    lockAfter: 9,
    lockSeconds: 60,
    perAddress: 0,
    remembered: 100,
  }
  let answer: Authentication = refuses
  const guard = new AttemptGuard(limits, { now: () => 0, log: silentLog })
  const guardedLink = guarded({ authenticate: () => answer }, guard)
  const code = async (credentials: Credentials) => {
    const given = await guardedLink.authenticate(credentials, attempt)
    return given.outcome === 'refused' ? given.reasonCode : 0
  }
  for (let at = 0; at < 5; at++) assert.equal(await code(anonymous), 0x86)
  assert.deepEqual([await code(ada), await code(ada), await code(ada)], [0x86, 0x86, 0x9f])
  answer = accepts
  assert.equal(await code(ada), 0x9f)
  assert.equal(await code({ ...ada, username: 'bob' }), 0)
})

test('guesses that wait are over once the user is locked', async () => {
  const limits = {
    free: 0,
    delaySeconds: 10,
    maximumDelaySeconds: 10,
    lockAfter: 9,
    lockSeconds: 60,
    perAddress: 0,
    remembered: 100,
  }
  const guard = new AttemptGuard(limits, { now: () => 0, log: silentLog })
  const overs: boolean[] = []
  const link = guarded(
    {
      authenticate: (_credentials, watched) => {
        overs.push(watched.isOver)
        guard.failed(ada.address, 'ada')
        overs.push(watched.isOver)
        return refuses
      },
    },
    guard,
  )
  await link.authenticate(ada, attempt)
  assert.deepEqual(overs, [false, true])
})
