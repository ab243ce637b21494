import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Will } from '@busbar/protocol'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { subscribe } from './testing/packets.contract.ts'

// V8 also guesses what will stay, from what it has seen, and makes that old at once: not always the same.
setFlagsFromString('--no-allocation-site-pretenuring')
setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as (how: { type: 'minor' }) => void

function oldBytes(): number {
  const spaces = getHeapSpaceStatistics()
  return spaces.find((each) => each.space_name === 'old_space')?.space_used_size ?? 0
}

/** So many are there at a time. */
const most = 100
const inARound = 500

const will: Will = {
  topicName: 'gone',
  payload: new Uint8Array(4),
  qos: 0,
  retain: false,
  properties: {},
}

/** Lets clients come, and as many go: some say so, some are cut off and have a Will. */
function comeAndGo(broker: TestBroker, open: TestPeer[], round: number): void {
  for (let i = 0; i < inARound; i++) {
    const clientIdentifier = `client-${round}-${i}`
    const peer = broker.open().connect({ clientIdentifier, will })
    peer.send(subscribe('all', 0)).send(subscribe(`for/${clientIdentifier}`, 1))
    open.push(peer)
    const oldest = open.length > most ? open.shift() : undefined
    if (i % 2 === 0) oldest?.cut()
    else oldest?.send({ type: 'disconnect', reasonCode: 0, properties: {} })
    broker.pass(1)
  }
  gc({ type: 'minor' })
}

// Where something that is old keeps what has ended, nothing is lost, but every collection of what is young
// moves all of it, and those of what is old come often: pauses of milliseconds for all other clients.
test('what has ended is not kept by anything that is old', async (t) => {
  await using broker = await startTestBroker({ log: { level: 'error' } })
  const open: TestPeer[] = []
  const grown: number[] = []
  for (let round = 0; round < 30; round++) {
    const before = oldBytes()
    comeAndGo(broker, open, round)
    grown.push(oldBytes() - before)
  }
  // After the first ones, and not of a round in which what is old was collected.
  const [each = 0] = grown
    .slice(10)
    .sort((a, b) => a - b)
    .slice(10)
    .map((bytes) => bytes / inARound)
  t.diagnostic(`${Math.round(each)} bytes of each connection have become old`)
  // A Session and its connection are more than 1,400 bytes.
  assert.ok(each < 400, `${each} bytes of each connection have become old`)
})
