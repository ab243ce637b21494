import { connect, fileStore, lazyConnect } from '@busbar/client'

const clientId = 'line-7'

/** A program that has no network, and ends. */
async function enqueueOffline(): Promise<void> {
  await using store = fileStore('outbox')
  const session = { store, expirySeconds: 86_400 }
  const client = lazyConnect('mqtt://127.0.0.1:1', { clientId, session })
  await client.enqueue('line/7/count', '42', { qos: 1 }) // on the disk when it resolves
  console.log(await client.close({ drainMs: 0 })) // { left: 1 }
}

await enqueueOffline()

// The next program sends what is there.
await using store = fileStore('outbox')
const session = { store, expirySeconds: 86_400 }
await using client = await connect('mqtt://127.0.0.1:1883', { clientId, session })
console.log(await client.close()) // { left: 0 }
