// Prints what publisher.ts sends, until Ctrl-C. `node -C @busbar/source examples/subscriber.ts [URL]`.
import { connect } from '@busbar/client'
import { topics } from './topics.ts'

const stop = new AbortController()
process.once('SIGINT', () => stop.abort())

const url = process.argv[2] ?? 'mqtt://127.0.0.1:1883'
await using client = await connect(url, { clientId: 'example-subscriber' })
await using readings = await client.subscribe(topics.temperature, { invalid: 'skip' })
console.log(`listening for ${topics.temperature.filter}`)

try {
  for (;;) {
    // A message is acknowledged when the next one is asked for: a crash in between brings it back.
    const { value: reading } = await readings.next({ signal: stop.signal })
    if (reading === undefined) break
    const { params, value } = reading
    console.log(`${params.site} ${params.id}: ${value.celsius} at ${value.at.toLocaleTimeString()}`)
  }
} catch (error) {
  if (!stop.signal.aborted) throw error
}
