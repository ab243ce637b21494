import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '../config.ts'
import { createLog } from '../log.ts'
import { Losses } from '../losses.ts'
import { Statistics } from '../statistics.ts'
import { VirtualClock } from '../testing/virtual-clock.ts'
import { Denials } from './denials.ts'

function start() {
  const clock = new VirtualClock()
  const lines: string[] = []
  const log = createLog(parseConfig({}).log, { write: (line) => lines.push(line) })
  const statistics = new Statistics()
  const denials = new Denials({ clock, log, statistics, losses: new Losses() })
  const deny = (clientIdentifier: string, topic: string, isShadow = false) => {
    const subject = { clientIdentifier, user: 'u', groups: [], variables: new Map() }
    denials.record({ subject, action: 'publish', topic, rule: 'access.rules[0]', isShadow })
  }
  return { clock, lines, statistics, denials, deny }
}

test('a denial is logged once a minute, and counted each time', () => {
  const { clock, lines, statistics, denials, deny } = start()
  for (let i = 0; i < 5; i++) deny('c', 'a/b')
  assert.equal(lines.length, 1)
  assert.match(
    lines[0] ?? '',
    /warn {2}denied clientId=c user=u action=publish topic=a\/b rule=access.rules\[0\]/,
  )
  assert.equal(statistics.publishDenied, 5)
  assert.deepEqual(
    denials.list().map(({ clientId, topic, count }) => [clientId, topic, count]),
    [['c', 'a/b', 5]],
  )
  clock.advance(60_000)
  deny('c', 'a/b')
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', /count=6/)
})

test('a shadow denial is told apart', () => {
  const { lines, statistics, deny } = start()
  deny('c', 'a', true)
  assert.deepEqual([statistics.publishDenied, statistics.deniedByShadow], [0, 1])
  assert.match(lines[0] ?? '', /denied by the shadow policy only/)
})

test('one client does not fill the log, nor do many, nor does the table grow', () => {
  const { clock, lines, statistics, denials, deny } = start()
  for (let i = 0; i < 5_000; i++) deny('c', `${'t'.repeat(600)}/${i}`)
  for (let i = 0; i < 5_000; i++) deny('c', `t/${i}`)
  assert.equal(lines.length, 21, 'of one client')
  assert.match(lines.at(-1) ?? '', /further denials of this client/)
  deny('d', 'x')
  assert.equal(lines.length, 22, 'another one is heard')
  for (let i = 0; i < 5_000; i++) deny(`e${i}`, 'x')
  assert.ok(lines.length <= 203, `${lines.length}`)
  assert.equal(statistics.publishDenied, 15_001)
  assert.equal(denials.list().length, 1_000)
  clock.advance(60_000)
  const before = lines.length
  deny('f', 'x')
  assert.equal(lines.length, before + 1)
})

test('what is kept of long names is short', () => {
  const { denials, deny } = start()
  deny('c'.repeat(65_535), 't'.repeat(65_535))
  const [entry] = denials.list()
  assert.deepEqual([entry?.clientId.length, entry?.topic.length], [512, 512])
})

test('a topic cannot forge a line', () => {
  const { lines, deny } = start()
  deny('c', 'a\n2026 error x')
  assert.equal(lines.length, 1)
  assert.equal((lines[0] ?? '').split('\n').length, 2)
})
