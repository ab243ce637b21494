import { startBroker } from '@busbar/broker'
import { connect, MqttSubscribeError } from '@busbar/client'

await using broker = await startBroker({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' },
  access: { rules: [{ allow: ['subscribe'], topics: ['open/#'] }] },
  log: { level: 'error' },
})
await using client = await connect(broker.url)
try {
  await client.subscribe(['open/door', 'closed/door'], { qos: 1 })
} catch (error) {
  if (!(error instanceof MqttSubscribeError)) throw error
  console.log(error.results.map(({ reasonCode }) => reasonCode)) // [ 1, 135 ]
}
