// Publishes three temperatures and ends when the broker has them. With a broker at hand (`npm start`):
// `node -C @busbar/source examples/publisher.ts [URL]`.
import { connect } from '@busbar/client'
import { topics } from './topics.ts'

const url = process.argv[2] ?? 'mqtt://127.0.0.1:1883'
await using client = await connect(url, { clientId: 'example-publisher' })

for (const [id, celsius] of [21.5, 22, 22.5].entries()) {
  const to = topics.temperature.with({ site: 'hamburg', id })
  const { noSubscribers } = await client.publish(to, { celsius, at: new Date().toISOString() })
  console.log(`${to.topicName}: ${celsius}${noSubscribers ? ' (nobody listens)' : ''}`)
}
