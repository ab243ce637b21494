import { setPriority } from 'node:os'
import { LatencyPair } from './latency.ts'

// Bystanders in a process that does nothing else: URL, user name, password.

try {
  setPriority(-10) // so that what loads the machine does not count as the broker's
} catch {
  // Allowed to few; how late this process is itself is told in any case.
}
const [url = '', username, password] = process.argv.slice(2)
const given = username !== undefined && { username, password: Buffer.from(password ?? '') }
const pair = await LatencyPair.join(url, given || {})
process.on('message', async (what) => {
  process.send?.(what === 'stop' ? await pair.stop() : pair.take())
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
