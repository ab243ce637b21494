import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from './log.ts'
import { MemoryGuard, type MemoryUse, memoryOfProcess } from './memory-guard.ts'
import { startTestBroker } from './testing/index.ts'
import { bytes, publish, subscribe } from './testing/packets.contract.ts'

const MiB = 1_048_576

function start(limit: number | undefined) {
  const lines: string[] = []
  const log = createLog({ level: 'info', format: 'text' }, { write: (line) => lines.push(line) })
  let use: MemoryUse = { heap: 0, heapLimit: 1_000, buffers: 0 }
  const guard = new MemoryGuard({ limit: () => limit, use: () => use, available: 4_000, log })
  const look = (heap: number, buffers: number) => {
    use = { heap, heapLimit: 1_000, buffers }
    guard.look()
    return guard.isShort
  }
  return { look, lines }
}

// the setting; then heap and buffers at each look, and whether memory is short
const rows: readonly [string, number | undefined, readonly [number, number, boolean][]][] = [
  [
    'what is configured',
    500,
    [
      [300, 200, false],
      [300, 201, true],
      [300, 180, true],
      [300, 100, false],
    ],
  ],
  [
    'three quarters of what there is',
    undefined,
    [
      [100, 2_900, false],
      [100, 2_901, true],
    ],
  ],
  ['none', 0, [[100, 1e9, false]]],
  [
    'none, and a heap that is nearly full',
    0,
    [
      [900, 0, false],
      [901, 0, true],
      [850, 0, false],
    ],
  ],
]
for (const [name, limit, looks] of rows) {
  test(`memory is short beyond ${name}`, () => {
    const { look, lines } = start(limit)
    for (const [heap, buffers, isShort] of looks) {
      assert.equal(look(heap, buffers), isShort, `${heap} and ${buffers}`)
    }
    const changes = looks.filter(([, , isShort], at) => isShort !== (looks[at - 1]?.[2] ?? false))
    assert.equal(lines.length, changes.length, 'each said once')
  })
}

test('what this process takes is known', () => {
  const { use, available } = memoryOfProcess()
  const { heap, heapLimit, buffers } = use()
  assert.ok(heap > MiB && heap < heapLimit && buffers > 0)
  assert.ok(available > 64 * MiB && available < 2 ** 50)
})

test('while memory is short, nothing new is subscribed to or retained', async () => {
  const memory = { isShort: false }
  await using broker = await startTestBroker({}, { memory })
  const peer = broker.open().connect()
  const subscribed = (filter: string) =>
    peer.send(subscribe(filter, 1)).take('suback')[0]?.reasonCodes[0]
  const retained = (topic: string) =>
    peer.send(publish(topic, { qos: 1, retain: true })).take('puback')[0]?.reasonCode
  assert.deepEqual([subscribed('a'), retained('r')], [1, 0x10])
  memory.isShort = true
  assert.deepEqual([subscribed('b'), retained('s')], [0x97, 0x97])
  assert.deepEqual([subscribed('a'), retained('r')], [1, 0x10], 'what is there may be replaced')
})

for (const policy of ['drop-newest', 'drop-oldest'] as const) {
  test(`while memory is short, queues in it do not grow (${policy})`, async () => {
    const memory = { isShort: false }
    const limits = { queue: { policy } }
    await using broker = await startTestBroker({ limits }, { memory })
    const session = { clientIdentifier: 'away', cleanStart: false }
    const away = () =>
      broker.open().connect({ ...session, properties: { sessionExpiryInterval: 9 } })
    away().send(subscribe('a', 1)).cut()
    const writer = broker.open().connect({ clientIdentifier: 'writer' })
    const code = (text: string) =>
      writer.send(publish('a', { qos: 1, payload: bytes(text) })).take('puback')[0]?.reasonCode
    assert.equal(code('1'), 0)
    memory.isShort = true
    assert.equal(code('2'), policy === 'drop-newest' ? 0x97 : 0)
    assert.equal(broker.core.statistics.queuedMessages, 1)
    assert.equal(broker.core.losses.total('queue-full').messages, 1)
    memory.isShort = false
    assert.equal(code('3'), 0)
    const texts = away()
      .take('publish')
      .map(({ payload }) => new TextDecoder().decode(payload))
    assert.deepEqual(texts, [policy === 'drop-newest' ? '1' : '2', '3'])
  })
}
