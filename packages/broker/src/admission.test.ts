import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admission, type Entry } from './admission.ts'
import { type Config, parseConfig } from './config.ts'
import { createLog } from './log.ts'
import { Statistics } from './statistics.ts'

function start(limits: Partial<Config['limits']> = {}) {
  const at = { now: 0, limits: { ...parseConfig({}).limits, ...limits } }
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  const statistics = new Statistics()
  const clock = { now: () => at.now, wallNow: () => at.now }
  const memory = { isShort: false }
  const admission = new Admission({ limits: () => at.limits, clock, statistics, log, memory })
  /** The Reason Code of a refusal, `welcome`, or `closed`. */
  const enter = (address: string, isCostly = false) =>
    outcome(admission.enter(address, { isCostly }))
  return { at, admission, statistics, lines, enter, memory }
}

function outcome(entry: Entry | undefined): string | number {
  if (entry === undefined) return 'closed'
  return entry.refusal?.reasonCode ?? 'welcome'
}

test('while memory is short, connections are refused', () => {
  const { enter, memory } = start()
  assert.equal(enter('192.0.2.1:1'), 'welcome')
  memory.isShort = true
  assert.equal(enter('192.0.2.1:2'), 0x89)
  memory.isShort = false
  assert.equal(enter('192.0.2.1:3'), 'welcome')
})

test('without limits everybody is welcome', () => {
  const { enter, admission } = start()
  for (let i = 0; i < 1_000; i++) assert.equal(enter(`192.0.2.1:${i}`), 'welcome')
  assert.equal(admission.open, 1_000)
})

test('an address has its connections, and gets one back when one has left', () => {
  const { admission, enter } = start({ connectionsPerAddress: 2 })
  const first = admission.enter('192.0.2.1:1')
  assert.equal(enter('192.0.2.1:2'), 'welcome')
  assert.equal(enter('192.0.2.1:3'), 0x97)
  assert.equal(enter('192.0.2.1:4', true), 'closed', 'no handshake for nothing')
  assert.equal(enter('192.0.2.2:1'), 'welcome')
  first?.leave()
  assert.equal(enter('192.0.2.1:5'), 'welcome')
})

test('an IPv6 network of 64 bits counts as one address', () => {
  const { enter } = start({ connectionsPerAddress: 1 })
  assert.equal(enter('[2001:db8::1]:1'), 'welcome')
  assert.equal(enter('[2001:db8::ffff:2]:1'), 0x97)
  assert.equal(enter('[2001:db8:0:1::1]:1'), 'welcome')
})

test('a Unix socket has no address that could have too many', () => {
  const { enter } = start({ connectionsPerAddress: 1, connectRatePerAddress: 1 })
  for (const address of ['unix:1', 'unix:2']) assert.equal(enter(address), 'welcome')
})

test('new connections come at a rate, for all and for each address', () => {
  const { at, enter } = start({ connectRate: 3, connectRatePerAddress: 2 })
  assert.deepEqual(
    ['a:1', 'a:2', 'a:3'].map((address) => enter(address)),
    ['welcome', 'welcome', 0x9f],
  )
  assert.deepEqual(
    ['b:1', 'c:1'].map((address) => enter(address)),
    ['welcome', 0x9f],
  )
  at.now = 1_000
  assert.equal(enter('a:4'), 'welcome')
})

test('a limit that changes counts from then on', () => {
  const { at, enter } = start({ connectRate: 1 })
  assert.equal(enter('a:1'), 'welcome')
  assert.equal(enter('a:2'), 0x9f)
  at.limits = { ...at.limits, connectRate: 0, connectionsPerAddress: 1 }
  assert.equal(enter('a:3'), 0x97)
  assert.equal(enter('b:1'), 'welcome')
})

test('those who have not logged in are limited, those who have are not', () => {
  const { enter, statistics } = start({ connecting: 2 })
  assert.deepEqual(
    ['a:1', 'b:1', 'c:1'].map((address) => enter(address)),
    ['welcome', 'welcome', 'closed'],
  )
  statistics.clientsConnected = 1
  assert.equal(enter('c:2'), 'welcome')
})

test('only so many are told why they are refused', () => {
  const { admission, enter } = start({ connectionsPerAddress: 1 })
  enter('a:0')
  const told = admission.enter('a:1')
  for (let i = 2; i <= 1_000; i++) assert.equal(enter(`a:${i}`), 0x97)
  assert.equal(enter('a:1001'), 'closed')
  told?.leave()
  assert.equal(enter('a:1002'), 0x97)
})

test('while the event loop is late, nobody new is let in', () => {
  const { admission, enter, lines } = start({ overloadLagMs: 100 })
  admission.noteLag(100)
  assert.equal(enter('a:1'), 'welcome')
  admission.noteLag(101)
  assert.equal(enter('a:2'), 0x89)
  for (let tick = 0; tick < 9; tick++) admission.noteLag(0)
  assert.equal(enter('a:3'), 0x89)
  admission.noteLag(0)
  assert.equal(enter('a:4'), 'welcome')
  const events = lines.map((line) => line.split(' ').slice(1, 4).join(' '))
  assert.deepEqual(events, ['warn  overloaded:', 'warn  connections', 'info  no'])
})

test('refusals are counted, and logged once in ten seconds for each reason', () => {
  const { at, enter, lines, statistics } = start({ connectionsPerAddress: 1 })
  enter('a:1')
  for (let i = 0; i < 50; i++) enter('a:2')
  at.now = 10_000
  enter('a:3')
  assert.equal(statistics.connectionsRefused, 51)
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /reason="too many connections from this address" address=a:2\n/)
  assert.match(lines[1] ?? '', /alsoBefore=49\n/)
})

test('addresses that have left are forgotten', () => {
  const { admission, at } = start({ connectRatePerAddress: 5 })
  for (let i = 0; i < 25_000; i++) {
    at.now += 1_000
    admission.enter(`10.0.${i >> 8}.${i & 0xff}:1`)?.leave()
  }
  assert.ok(admission.addresses <= 10_000, `${admission.addresses} addresses`)
})
