import { connect } from '@busbar/client'

await using client = await connect('mqtt://127.0.0.1:1883', { clientId: 'line-7' })
console.log(client.state, client.negotiated?.version) // connected 5

const { stage, noSubscribers } = await client.publish('a', 'nobody listens', { qos: 1 })
console.log(stage, noSubscribers) // puback true

await using _ = await client.respond('double', (request) => `${Number(request.text()) * 2}`)
const answer = await client.request('double', '21', { signal: AbortSignal.timeout(5_000) })
console.log(answer.text()) // 42

const items = Array.from({ length: 1_000 }, (_, n) => ({
  topic: 'a',
  payload: `${n}`,
  qos: 1 as const,
}))
console.log(await client.publishAll(items)) // { published: 1000 }
console.log(await client.close({ drainMs: 1_000 })) // { left: 0 }
