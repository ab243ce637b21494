import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Publish, Subscribe, Will } from '@busbar/protocol'
import { createMemoryStore } from './store/memory.ts'
import { startTestBroker, VirtualClock } from './testing/index.ts'

const minute = 60_000
const day = 24 * 60 * minute

const bytes = (text: string) => new TextEncoder().encode(text)
const will: Will = {
  ...{ topicName: 'will', payload: bytes('gone'), qos: 1, retain: false },
  properties: { willDelayInterval: 1_800 },
}
const subscribe: Subscribe = {
  ...{ type: 'subscribe', packetIdentifier: 1, properties: {} },
  subscriptions: [
    {
      topicFilter: '#',
      options: { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
    },
  ],
}
const expiring: Publish = {
  ...{ type: 'publish', dup: false, qos: 1, retain: false, topicName: 'news', packetIdentifier: 1 },
  ...{ properties: { messageExpiryInterval: 1_800 }, payload: bytes('news') },
}
const keep = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const outlast = { cleanStart: false, properties: { sessionExpiryInterval: 86_400 * 5 } }

/** After clients with an hour, a Will Delay of half an hour and a message of half an hour have left. */
async function startScene() {
  const clock = new VirtualClock()
  const store = createMemoryStore()
  const start = () => startTestBroker({}, { clock, store })
  const broker = await start()
  broker
    .open()
    .connect({ clientIdentifier: 'watcher', ...outlast })
    .send(subscribe)
    .cut()
  broker
    .open()
    .connect({ clientIdentifier: 'hour', ...keep, will })
    .cut()
  broker.open().connect({ clientIdentifier: 'publisher' }).send(expiring)
  return { clock, broker, start }
}

type Scene = Awaited<ReturnType<typeof startScene>>

function pass({ clock }: Scene, { core, endTurn }: Scene['broker'], ms: number): void {
  clock.advance(ms)
  core.advance()
  endTurn()
}

/** What has come of it: the Session, its Will and the message. */
function look(broker: Scene['broker']): string {
  const isKept = broker.core.sessions.get('hour') !== undefined
  const watcher = broker.open().connect({ clientIdentifier: 'watcher', ...outlast })
  const topics = watcher.take('publish').map(({ topicName }) => topicName)
  watcher.cut()
  return [...(isKept ? ['session'] : []), ...topics].join(' ')
}

for (const jumpMs of [day, -day]) {
  const name = jumpMs > 0 ? 'forward' : 'back'
  test(`a wall clock set ${name} by a day under a running broker changes nothing`, async () => {
    const scene = await startScene()
    await using broker = scene.broker
    scene.clock.jump(jumpMs)
    pass(scene, broker, 29 * minute)
    assert.equal(look(broker), 'session news')
    pass(scene, broker, 2 * minute)
    assert.equal(look(broker), 'session news will')
    pass(scene, broker, 30 * minute)
    assert.equal(broker.core.sessions.get('hour'), undefined)
  })
}

test('a message expires by the steady clock', async () => {
  const scene = await startScene()
  await using broker = scene.broker
  scene.clock.jump(-day)
  pass(scene, broker, 31 * minute)
  assert.equal(look(broker), 'session will')
})

const restarts = [
  ['not set', 0, 'session', 'session will'],
  ['set forward by a day', day, 'will', 'will'],
  ['set back by a day', -day, 'session', 'session will'],
] as const
for (const [name, jumpMs, atOnce, later] of restarts) {
  test(`over a restart with the wall clock ${name}: ${atOnce}, then ${later}`, async () => {
    const scene = await startScene()
    // The first broker is killed: the store has what was committed.
    scene.clock.jump(jumpMs)
    // The message is another test's: this store keeps it with the steady clock of the first.
    const withoutNews = (seen: string) =>
      seen
        .split(' ')
        .filter((word) => word !== 'news')
        .join(' ')
    await using broker = await scene.start()
    pass(scene, broker, minute)
    assert.equal(withoutNews(look(broker)), atOnce)
    pass(scene, broker, 30 * minute)
    assert.equal(withoutNews(look(broker)), later)
    pass(scene, broker, 31 * minute)
    assert.equal(broker.core.sessions.get('hour'), undefined, 'nobody has more time than before')
  })
}

test('a clock with fractions: nobody is disconnected early, and no second is added to a message', async () => {
  await using broker = await startTestBroker()
  broker.clock.advance(0.9)
  const reader = broker.open().connect({ clientIdentifier: 'reader' }).send(subscribe)
  const writer = broker.open().connect({ clientIdentifier: 'writer', keepAliveSeconds: 1 })
  writer.send({ ...expiring, topicName: 'news' })
  const intervals = reader.take('publish').map(({ properties }) => properties.messageExpiryInterval)
  assert.deepEqual(intervals, [1_800])
  broker.clock.advance(1_499.5)
  broker.core.advance()
  assert.equal(writer.isClosed, false, 'after 1,499.5 ms of 1,500')
  broker.pass(200)
  assert.equal(writer.isClosed, true)
})
