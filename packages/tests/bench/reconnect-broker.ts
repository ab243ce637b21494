// The broker of reconnect.ts, in a process of its own, which tells how its event loop fares.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type ConfigInput, startBroker } from '@busbar/broker'

const delay = monitorEventLoopDelay({ resolution: 1 })
const milliseconds = (nanoseconds: number) => nanoseconds / 1e6

/** What the parent sends: a configuration first, then `begin` and `end` around each phase. */
process.on('message', async (message: ConfigInput | 'begin' | 'end') => {
  if (message === 'begin') {
    delay.reset()
    process.send?.('begun')
  } else if (message === 'end') {
    const [median = 0, p99 = 0] = [50, 99].map((percent) => milliseconds(delay.percentile(percent)))
    process.send?.({ median, p99, longest: milliseconds(delay.max) })
  } else {
    const broker = await startBroker(message)
    delay.enable()
    process.send?.(broker.url)
  }
})
process.on('disconnect', () => process.exit(0))
