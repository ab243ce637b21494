import { startBroker } from '@busbar/broker'
import { connect, MqttPublishError } from '@busbar/client'

await using broker = await startBroker({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' },
  access: { rules: [{ allow: ['publish'], topics: ['open/#'] }] },
  log: { level: 'error' },
})
await using client = await connect(broker.url)
try {
  await client.publish('closed/door', 'open', { qos: 1 })
} catch (error) {
  if (!(error instanceof MqttPublishError)) throw error
  console.log(error.reasonCode, error.message) // 135 the server refuses the message: Not authorized
}
