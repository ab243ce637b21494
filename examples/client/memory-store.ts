import { connect, lazyConnect, memoryStore } from '@busbar/client'

// For tests, and for programs that make a client anew and go on.
const options = { clientId: 'again', session: { store: memoryStore(), expirySeconds: 600 } }

const offline = lazyConnect('mqtt://127.0.0.1:1', options)
await offline.enqueue('t', 'kept', { qos: 1 })
await offline.close({ drainMs: 0 })

await using client = await connect('mqtt://127.0.0.1:1883', options)
console.log(client.stats.outboxMessages) // 1
console.log(await client.close()) // { left: 0 }
