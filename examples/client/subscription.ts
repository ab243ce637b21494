import { connect } from '@busbar/client'

await using client = await connect('mqtt://127.0.0.1:1883')

// Up to three messages at once, or what has come within 100 ms; acknowledged with the next batch.
const batches = (await client.subscribe('numbers', { qos: 1 })).batch(3, 100)
for (const n of [1, 2, 3, 4]) await client.publish('numbers', `${n}`, { qos: 1 })
for await (const batch of batches) {
  console.log(batch.map((message) => message.text()).join(' ')) // 1 2 3
  break
}

// One message, with a time limit.
await using answers = await client.subscribe('answers')
await client.publish('answers', 'yes')
const { value } = await answers.next({ signal: AbortSignal.timeout(5_000) })
console.log(value?.text()) // yes
