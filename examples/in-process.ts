// A program that publishes and subscribes in its own broker. The subscription has a name, so what comes
// while nobody listens waits in the store. Run it with
// `node -C @busbar/source examples/in-process.ts`.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBroker } from '@busbar/broker'

const folder = await mkdtemp(join(tmpdir(), 'busbar-example-'))
const config = { listeners: [], store: { dir: folder }, log: { level: 'error' } } as const

// The first run: subscribe, and stop listening. Closed is not forgotten.
{
  await using broker = await startBroker(config)
  const orders = await broker.subscribe('orders/+', { name: 'billing' })
  await orders.close()
  // Resolves when it is on the disk, as a client's PUBACK would leave then.
  await broker.publish('orders/1', 'two bolts')
  await broker.publish('orders/2', 'a nut')
}

// The second run: they are there.
{
  await using broker = await startBroker(config)
  let left = 2
  for await (const { topicName, payload } of await broker.subscribe('orders/+', {
    name: 'billing',
  })) {
    // It is acknowledged when the next one is asked for; the last one would come once more.
    console.log(`${topicName}: ${new TextDecoder().decode(payload)}`)
    if (--left === 0) break
  }
}

await rm(folder, { recursive: true })
