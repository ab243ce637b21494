import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../log.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { AttemptGuard, type AttemptLimits } from './attempt-guard.ts'

const usual: AttemptLimits = {
  free: 2,
  delaySeconds: 1,
  maximumDelaySeconds: 3,
  lockAfter: 6,
  lockSeconds: 60,
  perAddress: 0,
  remembered: 1_000,
}
const here = '192.0.2.1:1883'
const elsewhere = '192.0.2.2:1883'

function guardOf(limits: Partial<AttemptLimits> = {}) {
  const clock = new VirtualClock()
  const logged: string[] = []
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => logged.push(line) })
  const guard = new AttemptGuard({ ...usual, ...limits }, { now: () => clock.now(), log })
  const blockedMs = (address: string, name: string) => {
    let waited = 0
    for (; guard.refusal(address, name) !== undefined; waited += 500) clock.advance(500)
    return waited
  }
  return { guard, clock, logged, blockedMs }
}

test('delays grow, then the user is locked out from there, and then all is forgotten', () => {
  const { guard, logged, blockedMs } = guardOf()
  const waits = Array.from({ length: 8 }, () => {
    guard.failed(here, 'ada')
    return blockedMs(here, 'ada')
  })
  assert.deepEqual(waits, [0, 0, 1_000, 2_000, 3_000, 60_000, 0, 0])
  assert.equal(logged.length, 4)
  assert.match(logged[3] ?? '', / warn {2}wrong passwords.* user=ada count=6 seconds=60\n$/)
})

test('nobody else has to wait', () => {
  const { guard } = guardOf()
  for (let at = 0; at < 20; at++) guard.failed(here, 'ada')
  assert.equal(guard.refusal('192.0.2.1:9', 'ada')?.reasonCode, 0x9f) // the port does not matter
  assert.equal(guard.refusal(elsewhere, 'ada'), undefined)
  assert.equal(guard.refusal(here, 'bob'), undefined)
})

test('an IPv6 network is one address', () => {
  const { guard } = guardOf()
  for (let at = 0; at < 20; at++) guard.failed(`[2001:db8::${at.toString(16)}]:1`, 'ada')
  assert.notEqual(guard.refusal('[2001:db8::ffff]:9', 'ada'), undefined)
  assert.equal(guard.refusal('[2001:db8:0:1::1]:9', 'ada'), undefined)
})

test('the right password makes good', () => {
  const { guard } = guardOf()
  for (let at = 0; at < 10; at++) {
    guard.failed(here, 'ada')
    guard.failed(here, 'ada')
    guard.succeeded(here, 'ada')
  }
  assert.equal(guard.refusal(here, 'ada'), undefined)
})

test('one password for many users is slow too', () => {
  const { guard, blockedMs } = guardOf({ perAddress: 10 })
  for (let at = 0; at < 9; at++) guard.failed(here, `user ${at}`)
  assert.equal(guard.refusal(here, 'ada'), undefined)
  guard.failed(here, 'user 9')
  assert.equal(guard.refusal(elsewhere, 'ada'), undefined)
  assert.equal(blockedMs(here, 'ada'), 3_000)
  guard.succeeded(here, 'ada')
  guard.failed(here, 'user 10')
  assert.equal(blockedMs(here, 'ada'), 3_000)
})

test('attempts that fail side by side are said once', () => {
  const { guard, logged } = guardOf()
  for (let at = 0; at < 5; at++) guard.failed(here, 'ada')
  assert.equal(logged.length, 1)
})

test('what a stranger can have remembered is bounded, in number and in length', () => {
  const { guard } = guardOf({ remembered: 100 })
  for (let at = 0; at < 6; at++) guard.failed(here, 'ada')
  for (let at = 0; at < 49; at++) guard.failed(`192.0.2.9:${at}`, 'x'.repeat(60_000) + at)
  assert.notEqual(guard.refusal(here, 'ada'), undefined)
  for (let at = 0; at < 200; at++) guard.failed(here, `other ${at}`)
  assert.equal(guard.refusal(here, 'ada'), undefined, 'the oldest is forgotten')
})

test('a name cannot forge a line of the log', () => {
  const { guard, logged } = guardOf()
  for (let at = 0; at < 3; at++) guard.failed(here, 'a\n2026 error forged')
  assert.equal(logged.join('').split('\n').length, 2)
})
