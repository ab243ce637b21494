import { setPriority } from 'node:os'
import { LatencyPair } from './latency.ts'

// The bystanders of `flood.ts`, in a process that does nothing else: URL.

try {
  setPriority(-10) // so that what loads the machine does not count as the broker's
} catch {
  // Allowed to few; how late this process is itself is told in any case.
}
const [url = ''] = process.argv.slice(2)
const pair = await LatencyPair.join(url)
process.on('message', async (what) => {
  process.send?.(what === 'stop' ? await pair.stop() : pair.take())
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
