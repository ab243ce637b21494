import { readFileSync } from 'node:fs'
import { setPriority } from 'node:os'
import { LatencyPair } from './latency.ts'

// Bystanders in a process that does nothing else: URL, process of the broker, user name, password.

try {
  setPriority(-10) // so that what loads the machine does not count as the broker's
} catch {
  // Allowed to few; how late this process is itself is told in any case.
}
const [url = '', broker, username, password] = process.argv.slice(2)
const given = username !== undefined && { username, password: Buffer.from(password ?? '') }
const pair = await LatencyPair.join(url, given || {}, workOf())

/** The scheduler tells nanoseconds (Linux). */
function workOf(): (() => number) | undefined {
  const file = `/proc/${broker}/task/${broker}/schedstat`
  const read = () => Number(readFileSync(file, 'latin1').split(' ', 1)[0]) / 1e6
  try {
    read()
    return read
  } catch {
    return undefined
  }
}

process.on('message', async (what) => {
  process.send?.(what === 'stop' ? await pair.stop() : pair.take())
})
process.on('disconnect', () => process.exit(0))
process.send?.('ready')
