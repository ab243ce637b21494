import { connect, json, topic } from '@busbar/client'

// Without a schema what arrives is `unknown`.
const state = topic('machines/{id:int}/state', { codec: json })

await using client = await connect('mqtt://127.0.0.1:1883')
await using states = await client.subscribe(state)
await client.publish(state.with({ id: 7 }), { on: true })
for await (const { params, value, properties } of states) {
  console.log(params.id, value, properties.contentType) // 7 { on: true } application/json
  break
}
