import { connect, topic } from '@busbar/client'
import { z } from 'zod'

const level = topic('tanks/{tank:int}/level', { qos: 1, schema: z.number().min(0).max(1) })

await using client = await connect('mqtt://127.0.0.1:1883')
await using levels = await client.subscribe(level, { invalid: 'skip' })
await client.publish('tanks/1/level', 'overflowing', { qos: 1 }) // from a program without the schema
await client.publish(level.with({ tank: 2 }), 0.5)
for await (const { params, value } of levels) {
  console.log(params.tank, value, levels.invalid) // 2 0.5 1
  break
}
