import { connect, text, topic } from '@busbar/client'

const log = topic('log/{path...}', { codec: text })

await using client = await connect('mqtt://127.0.0.1:1883')
await using lines = await client.subscribe(log)
await client.publish(log.with({ path: ['app', 'start'] }), 'started')
for await (const { params, value } of lines) {
  console.log(params.path.join(' '), value) // app start started
  break
}
