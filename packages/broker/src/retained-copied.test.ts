import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodePacket, type QoS } from '@busbar/protocol'
import { createMemoryStore } from './store/memory.ts'
import { startTestBroker, type TestBroker, type TestPeer } from './testing/index.ts'
import { publish, subscribe } from './testing/packets.contract.ts'

const sizes = [1, 100, 600, 70_000]

/** As transports do: their memory is used again while the turn of the broker goes on. */
function arrive(peer: TestPeer, bytes: Uint8Array): void {
  const chunk = bytes.slice()
  peer.arrive(chunk)
  chunk.fill(0xee)
}

function reader(broker: TestBroker, clientIdentifier: string, qos: QoS): TestPeer {
  return broker
    .open()
    .connect({
      clientIdentifier,
      cleanStart: false,
      properties: { sessionExpiryInterval: 3_600 },
    })
    .send(subscribe('kept/#', qos))
}

function payloads(peer: TestPeer): string[] {
  return peer.take('publish').map(outline)
}

function outline({ topicName, payload }: { topicName: string; payload: Uint8Array }): string {
  assert.ok(payload.every((byte) => byte === payload[0]))
  return `${topicName}: ${payload.length} of ${payload[0]}`
}

const cases = ([0, 1, 2] as const).flatMap((qos) => [
  { qos, where: 'here' as const },
  { qos, where: 'elsewhere' as const },
])

for (const { qos, where } of cases) {
  test(`what is retained (${where}) and sent at QoS ${qos} is what came, wherever it came`, async () => {
    const store = createMemoryStore(where)
    const of = (first: string) => sizes.map((size, at) => `${first}/${size}: ${size} of ${at + 1}`)
    const expected = of('kept')
    {
      await using broker = await startTestBroker({}, { store })
      const here = [0, 1, 2].map((each) => reader(broker, `here ${each}`, each as QoS))
      const away = [0, 1, 2].map((each) => reader(broker, `away ${each}`, each as QoS))
      for (const peer of away) peer.cut()
      const publisher = broker.open().connect({ clientIdentifier: 'publisher' })
      // Nobody has subscribed to the others.
      const packets = ['kept', 'other'].flatMap((first, offset) =>
        sizes.map((size, at) =>
          publish(`${first}/${size}`, {
            qos,
            retain: true,
            packetIdentifier: qos === 0 ? 0 : offset * 10 + at + 1,
            payload: new Uint8Array(size).fill(at + 1),
          }),
        ),
      )
      arrive(publisher, Buffer.concat(packets.map((packet) => encodePacket(packet, 5))))
      broker.endTurn()
      for (const peer of here) assert.deepEqual(payloads(peer), expected)
      assert.deepEqual(payloads(reader(broker, 'late', 1)), expected)
      for (const each of [1, 2] as const) {
        const back = broker.open().connect({ clientIdentifier: `away ${each}`, cleanStart: false })
        // At QoS 0 nothing waits for a client that is away.
        assert.deepEqual(payloads(back), qos === 0 ? [] : expected)
      }
    }
    const { retained } = await store.open()
    const stored = where === 'here' ? [...of('other'), ...expected] : []
    assert.deepEqual(retained.map(outline).sort(), stored.sort())
  })
}
