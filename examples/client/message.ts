import { connect } from '@busbar/client'

await using client = await connect('mqtt://127.0.0.1:1883')
await using jobs = await client.subscribe('jobs/+', { qos: 1, ack: 'manual' })
await client.publish('jobs/1', '{"pages":3}', { qos: 1 })
await client.publish('jobs/2', 'not for a printer', { qos: 1 })

for await (const message of jobs) {
  try {
    const { pages } = JSON.parse(message.text())
    message.ack() // only now, with the work done
    console.log(message.topicName, pages) // jobs/1 3
  } catch {
    message.reject(0x99) // Payload format invalid
    break
  }
}
