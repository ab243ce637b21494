import { connect, MqttConnectError } from '@busbar/client'

const clientId = 'twin'
await using first = await connect('mqtt://127.0.0.1:1883', { clientId })
const events = first.events()

// Another client takes the Client Identifier over, which ends the first one for good.
await using second = await connect('mqtt://127.0.0.1:1883', { clientId })
for await (const event of events) {
  if (event.type !== 'stopped' || !(event.error instanceof MqttConnectError)) continue
  console.log(event.error.reasonCode, first.state, second.state) // 142 stopped connected
}
