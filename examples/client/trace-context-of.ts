import { connect, traceContextOf } from '@busbar/client'

// In place of this, what a tracer says about the span that publishes.
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

await using client = await connect('mqtt://127.0.0.1:1883', {
  traceContext: () => ({ traceparent, tracestate: 'vendor=1' }),
})
await using orders = await client.subscribe('orders', { qos: 1 })
await client.publish('orders', 'one', { qos: 1 })
for await (const order of orders) {
  console.log(traceContextOf(order)?.tracestate) // vendor=1
  break
}
