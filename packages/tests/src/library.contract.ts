import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type BusbarProcess, startBusbar } from './busbar.ts'
import type { Library, Message, MqttVersion, QoS, SubscriberOptions } from './library.ts'

const qualities: readonly QoS[] = [0, 1, 2]

let count = 0
/** A topic that no other test uses. */
function newTopic(): string {
  return `contract/${++count}`
}

/** What every client library gets from the broker, in all the versions that it speaks. */
export function libraryContract(library: Library): void {
  describe(library.name, { skip: library.skip }, () => {
    const started = new AsyncDisposableStack()
    let broker: BusbarProcess
    before(async () => {
      broker = started.use(await startBusbar())
    })
    after(() => started.disposeAsync())
    for (const version of library.versions) {
      describe(`MQTT ${version}`, () => versionContract(library, version, () => broker))
    }
  })
}

function versionContract(
  library: Library,
  version: MqttVersion,
  broker: () => BusbarProcess,
): void {
  const subscribe = (filter: string, options: Partial<SubscriberOptions> = {}) =>
    library.subscribe(broker(), { version, filter, qos: 2, ...options })
  const publish = (...messages: Message[]) => library.publish(broker(), version, messages)

  for (const qos of qualities) {
    test(`QoS 0, 1 and 2 to a subscriber with QoS ${qos}, in order`, async () => {
      const topic = newTopic()
      await using subscriber = await subscribe(topic, { qos })
      const sent = qualities.map((sentQoS) => message(topic, `π ${sentQoS}`, { qos: sentQoS }))
      await publish(...sent)
      for (const each of sent) {
        const granted = Math.min(each.qos, qos) as QoS
        assert.deepEqual(await subscriber.next(), { ...each, qos: granted })
      }
    })
  }

  test('wildcards', async () => {
    const topic = newTopic()
    await using levels = await subscribe(`${topic}/+/c`)
    await using below = await subscribe(`${topic}/#`)
    const sent = ['/b/c', '/b', '/b/c/d', '/e/c', ''].map((rest) => message(topic + rest, 'x'))
    await publish(...sent)
    for (const each of sent) assert.deepEqual(await below.next(), each)
    for (const each of [sent[0], sent[3]]) assert.deepEqual(await levels.next(), each)
  })

  for (const qos of qualities) {
    test(`a retained message of QoS ${qos} is kept, replaced and deleted`, async () => {
      const topic = newTopic()
      const live = (payload: string) => message(topic, payload, { qos })
      const retained = (payload: string) => ({ ...live(payload), retain: true })
      await using early = await subscribe(topic)
      await publish(retained('one'), retained('two'))
      // RETAIN tells a message that was kept from one that is new.
      assert.deepEqual(await early.next(), live('one'))
      assert.deepEqual(await early.next(), live('two'))
      await using late = await subscribe(topic)
      assert.deepEqual(await late.next(), retained('two'))
      await publish(retained(''))
      assert.deepEqual(await late.next(), live(''))
      await using tooLate = await subscribe(topic)
      await publish(live('three'))
      assert.deepEqual(await tooLate.next(), live('three'))
    })
  }

  test('all that is retained arrives, however little may be under way and wait', async () => {
    const settings = ['limits.queue.messages=4', 'mqtt.inFlightMaximum=2']
    const flags = [...settings, 'mqtt.inFlightMaximumMqtt3=2'].flatMap((each) => ['--set', each])
    await using small = await startBusbar('--memory', ...flags)
    const topics = Array.from({ length: 30 }, (_, index) => `contract/all/${index}`)
    const sent = topics.map((topic) => ({ ...message(topic, 'x'), retain: true }))
    await library.publish(small, version, sent)
    await using subscriber = await library.subscribe(small, { version, filter: '#', qos: 1 })
    const received: string[] = []
    while (received.length < topics.length) received.push((await subscriber.next()).topic)
    assert.deepEqual(received.toSorted(), topics.toSorted())
  })

  test('the Will of a client that is cut off is published, that of one that leaves is not', async () => {
    const topic = newTopic()
    const clientWill = message(`${topic}/will`, 'gone', { qos: 1, retain: true })
    await using watcher = await subscribe(`${topic}/#`)
    const options = { will: clientWill }
    await using leaving = await subscribe(`${topic}/other`, options)
    await leaving.leave()
    await publish(message(topic, 'left'))
    if (library.leavesWithWill?.includes(version)) {
      assert.deepEqual(await watcher.next(), { ...clientWill, retain: false })
    }
    assert.deepEqual(await watcher.next(), message(topic, 'left'))
    await using cut = await subscribe(`${topic}/other`, options)
    await cut.cut()
    assert.deepEqual(await watcher.next(), { ...clientWill, retain: false })
    await using late = await subscribe(`${topic}/#`)
    assert.deepEqual(await late.next(), clientWill)
    await publish({ ...clientWill, payload: '' })
  })

  test('a Shared Subscription gives each message to one of its members', async () => {
    const topic = newTopic()
    await using first = await subscribe(`$share/group/${topic}`)
    await using second = await subscribe(`$share/group/${topic}`)
    const sent = Array.from({ length: 10 }, (_, index) => message(topic, String(index)))
    await publish(...sent)
    // In turn, as both are there: five each.
    const received: string[] = []
    for (const member of [first, second]) {
      for (let i = 0; i < 5; i++) received.push((await member.next()).payload)
    }
    assert.deepEqual(received.toSorted(), sent.map(({ payload }) => payload).toSorted())
    // Nobody has anything left: the next ones are the first that come.
    await publish(message(topic, 'last'), message(topic, 'last'))
    for (const member of [first, second]) assert.equal((await member.next()).payload, 'last')
  })

  test('a Session outlives its connection and keeps QoS 1 and 2', async () => {
    const topic = newTopic()
    const clientId = `keeps-${count}-${version}`
    const options = { clientId, keepsSession: true }
    const leaving = await subscribe(topic, options)
    await leaving.leave()
    const [qos0, qos1, qos2] = qualities.map((qos) => message(topic, `away ${qos}`, { qos }))
    assert.ok(qos0 && qos1 && qos2)
    await publish(qos1, qos0, qos2)
    await using back = await subscribe(topic, options)
    assert.deepEqual(await back.next(), qos1)
    assert.deepEqual(await back.next(), qos2)
    await publish(message(topic, 'here'))
    assert.deepEqual(await back.next(), message(topic, 'here'))
    await back.leave()
    // Coming without it ends it.
    const clean = await subscribe(`${topic}/other`, { clientId })
    await clean.leave()
    await publish(message(topic, 'nobody'))
    await using again = await subscribe(topic, options)
    await publish(message(topic, 'again'))
    assert.deepEqual(await again.next(), message(topic, 'again'))
  })
}

function message(topic: string, payload: string, fields: Partial<Message> = {}): Message {
  return { topic, payload, qos: 1, retain: false, ...fields }
}
