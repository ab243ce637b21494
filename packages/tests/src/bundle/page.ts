import { connect } from '@busbar/client'

// What a page needs at least: this is what the size of the library for browsers means.
const client = await connect('wss://broker.example/mqtt')
await client.publish('rooms/1/light', 'on', { qos: 1 })
for await (const { topicName } of await client.subscribe('rooms/#')) console.log(topicName)
