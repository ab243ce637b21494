import { bytes, connect, topic } from '@busbar/client'

// Without a codec and without a schema it is what a topic has anyway.
const frames = topic('cameras/{name}/frame', { codec: bytes })

await using client = await connect('mqtt://127.0.0.1:1883')
await using subscription = await client.subscribe(frames)
await client.publish(frames.with({ name: 'gate' }), Uint8Array.of(0xff, 0xd8))
for await (const { params, value } of subscription) {
  console.log(params.name, value.length) // gate 2
  break
}
