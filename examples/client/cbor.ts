import { connect, topic } from '@busbar/client'
import { cbor } from '@busbar/client/cbor' // after `npm install cborg`
import { z } from 'zod'

const state = topic('state/{machine}', { codec: cbor, schema: z.object({ speed: z.number() }) })

await using client = await connect('mqtt://127.0.0.1:1883')
await using states = await client.subscribe(state)
await client.publish(state.with({ machine: 'press' }), { speed: 1.5 })
for await (const { params, value, payload } of states) {
  console.log(params.machine, value.speed, payload.length) // press 1.5 10
  break
}
