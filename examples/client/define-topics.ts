import { connect, defineTopics, text, topic } from '@busbar/client'
import { z } from 'zod'

// One file that all programs of an application import.
const topics = defineTopics({
  setPoint: topic('rooms/{room}/set-point', { qos: 1, schema: z.number().min(5).max(30) }),
  note: topic('rooms/{room}/note', { codec: text }),
})

await using client = await connect('mqtt://127.0.0.1:1883')
await using setPoints = await client.subscribe(topics.setPoint)
await client.publish(topics.note.with({ room: 'hall' }), 'cold')
await client.publish(topics.setPoint.with({ room: 'hall' }), 21.5)
for await (const { params, value } of setPoints) {
  console.log(params.room, value) // hall 21.5
  break
}
