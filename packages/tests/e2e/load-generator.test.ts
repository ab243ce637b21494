import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { device, keepAwake, whyNotAwake } from '../bench/awake.ts'
import type { Cell } from '../bench/cells.ts'
import { busbar, findPeers } from '../bench/peers.ts'
import { runCell } from '../bench/run-cell.ts'
import { buildTools } from '../bench/tools.ts'
import { needs } from '../src/needs.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

// The yardstick has to be right itself: everything that is sent arrives, and figures are figures.
const skip = needs(process.env.CC ?? 'cc') || needs('taskset')
const oneCore = { brokerCore: 0, loadCore: 0, settleMs: 0 }
const short = '--seconds=0.3 --warmup=0.1'

const loads = [
  ['pairs', `pairs --publishers=3 --window=10 ${short}`, 'usPerMessage'],
  ['pairs at QoS 1', `pairs --publishers=3 --window=10 --qos=1 ${short}`, 'usPerMessage'],
  ['pairs at QoS 2 in 5.0', `pairs --publishers=3 --qos=2 --version=5 ${short}`, 'usPerMessage'],
  ['lasting Sessions', `pairs --publishers=2 --qos=1 --lasting=1 --version=5 ${short}`, 'p99Us'],
  ['large messages', `pairs --publishers=2 --window=3 --size=16384 ${short}`, 'usPerMessage'],
  ['a rate', `neighbours --publishers=5 --rate=500 ${short}`, 'p50Us'],
  ['fan-in', `fan-in --publishers=5 --window=4 ${short}`, 'usPerMessage'],
  ['fan-out', `fan-out --subscribers=5 --window=4 ${short}`, 'usPerDelivery'],
  ['filters', `filters --filters=400 --subscribers=4 --publishers=2 ${short}`, 'usPerFilter'],
  ['connections', `connect --window=3 ${short}`, 'usPerConnection'],
  ['idle connections', `idle --subscribers=10 ${short}`, 'usPerConnection'],
  ['retained messages', 'retained --messages=500', 'usPerDrained'],
  ['a queue', 'queue --messages=500', 'usPerQueued'],
  [
    'what stands around',
    `neighbours --publishers=2 --window=1 --standing-filters=100 --standing-retained=1000 ${short}`,
    'usPerMessage',
  ],
] as const

test('the load generator misses nothing', { skip }, async (t) => {
  await using folder = await temporaryFolder()
  const tools = buildTools(folder.path)
  for (const [name, load, key] of loads) {
    await t.test(name, async () => {
      const figures = await runCell(cell(name, load), busbar, tools, oneCore)
      assert.deepEqual([figures.missing ?? 0, figures.faults], [0, 0])
      assert.ok((figures[key] ?? 0) > 0, `${key} is ${figures[key]}`)
    })
  }
  await t.test('processors that are kept awake', { skip: whyNotAwake() }, async () => {
    {
      using _awake = keepAwake()
      assert.equal(readFileSync(device).readInt32LE(), 0)
    }
    assert.ok(readFileSync(device).readInt32LE() > 0)
    const load = cell('awake', `neighbours --publishers=5 --rate=500 ${short}`)
    const figures = await runCell({ ...load, isAwake: true }, busbar, tools, oneCore)
    assert.deepEqual([figures.missing, figures.faults], [0, 0])
  })
  await t.test('the relay relays', async () => {
    const [relay] = findPeers(['relay'], tools)
    assert.ok(relay)
    const load = `pairs --publishers=3 --window=10 ${short}`
    const figures = await runCell(cell('relay', load), relay, tools, oneCore)
    assert.deepEqual([figures.missing, figures.faults], [0, 0])
  })
})

function cell(name: string, load: string): Cell {
  const words = `--scenario=${load}`.split(' ').flatMap((word) => word.split('='))
  return { name, title: name, load: words, figures: [] }
}
