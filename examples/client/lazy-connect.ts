import { lazyConnect } from '@busbar/client'

await using client = lazyConnect('mqtt://127.0.0.1:1883')
console.log(client.state) // connecting
await client.enqueue('boot', 'begun', { qos: 1 }) // in the outbox, whatever the network does
await client.connected
console.log(client.state) // connected
