import { connect } from '@busbar/client'

await using client = await connect('mqtt://127.0.0.1:1883', {
  clientId: 'meter-3',
  credentials: async ({ attempt }) => ({ username: 'meter-3', password: `token for ${attempt}` }),
  will: { topic: 'meters/3/state', payload: 'gone', qos: 1, retain: true },
  deadlineMs: 10_000, // rejects if there is no connection by then
})
console.log(client.state) // connected
