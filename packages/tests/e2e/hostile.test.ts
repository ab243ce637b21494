import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { sendHostile as attack, versionOf } from '../src/attack/wire.ts'
import { Bystanders } from '../src/bystanders.ts'
import { type EmbeddedBroker, startEmbedded } from '../src/embedded.ts'
import { type HostileInput, hostileInputs } from '../src/hostile-input.ts'
import { heldBytes } from '../src/memory.ts'
import { RawClient } from '../src/raw-client.ts'

const config = { mqtt: { receiveMaximum: 10 }, sys: { intervalSeconds: 0 } }

/** What a thousand repetitions may leave behind: a leak of 400 bytes each is found. */
const noiseBytes = 400_000

describe('hostile input', () => {
  const started = new AsyncDisposableStack()
  let broker: EmbeddedBroker
  let bystanders: Bystanders
  before(async () => {
    broker = started.use(await startEmbedded(config))
    bystanders = started.use(await Bystanders.join(broker))
  })
  after(() => started.disposeAsync())

  for (const input of hostileInputs) {
    test(`${input.number}: ${input.name}`, async () => {
      for (const url of [broker.tcp, broker.ws]) {
        await using client = await RawClient.open(url, versionOf(input))
        assert.deepEqual(await attack(client, input), input.answers)
      }
      await bystanders.check()
    })
  }

  const repeat = async (input: HostileInput, times: number, clientIdentifier: string) => {
    for (let i = 0; i < times; i++) {
      const link = broker.broker.connectInMemory()
      await using client = await RawClient.open(link, versionOf(input))
      assert.deepEqual(await attack(client, input, clientIdentifier), input.answers)
    }
  }
  const repeatAll = async (inputs: readonly HostileInput[], times: number) => {
    const lanes = Array.from({ length: 10 }, (_, lane) => `raw ${lane}`)
    for (const input of inputs) {
      await Promise.all(lanes.map((lane) => repeat(input, times / lanes.length, lane)))
    }
  }

  for (const number of new Set(hostileInputs.map((input) => input.number))) {
    const inputs = hostileInputs.filter((input) => input.number === number && !input.isLarge)
    test(`${number}: a thousand times each of ${inputs.length} inputs`, async (t) => {
      // What is compiled, cached and sized for the first time grows once; a leak grows each time.
      await repeatAll(inputs, 50)
      const grown: number[] = []
      for (let round = 0; round < 3 && (grown.at(-1) ?? noiseBytes) >= noiseBytes; round++) {
        const held = await heldBytes()
        await repeatAll(inputs, 1_000)
        grown.push((await heldBytes()) - held)
      }
      t.diagnostic(`${grown} bytes more`)
      assert.ok((grown.at(-1) ?? 0) < noiseBytes, `${grown} bytes more`)
      await bystanders.check()
    })
  }
})
