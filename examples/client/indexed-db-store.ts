import { connect, indexedDbStore, memoryStore } from '@busbar/client'

// A page keeps its outbox over a reload; elsewhere this program keeps it while it runs.
const isPage = 'indexedDB' in globalThis
const store = isPage ? indexedDbStore('outbox') : memoryStore()

await using client = await connect('mqtt://127.0.0.1:1883', {
  clientId: 'page-1',
  session: { store, expirySeconds: 3_600 },
})
await client.enqueue('clicks', 'one', { qos: 1 })
console.log(await client.close()) // { left: 0 }
