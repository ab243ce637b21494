import { connect, PayloadError, topic } from '@busbar/client'
import { z } from 'zod'

const reading = topic('readings/{id}', { schema: z.object({ celsius: z.number() }) })

await using client = await connect('mqtt://127.0.0.1:1883')
await using readings = await client.subscribe(reading, { invalid: 'deliver-raw' })
await client.publish('readings/7', '{"celsius":"warm"}')
for await (const { error, topicName } of readings) {
  if (!(error instanceof PayloadError)) throw new Error('it should not fit')
  console.log(topicName, error.issues.length) // readings/7 1
  break
}
