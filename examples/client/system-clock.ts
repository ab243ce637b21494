import { type Clock, connect, systemClock } from '@busbar/client'

// A clock of one's own, as a test has it: here one that knows how many timers run.
const running = new Set<unknown>()
const clock: Clock = {
  ...systemClock,
  set(run, ms) {
    const timer = systemClock.set(() => {
      running.delete(timer)
      run()
    }, ms)
    running.add(timer)
    return timer
  },
  clear(timer) {
    running.delete(timer)
    systemClock.clear(timer)
  },
}

const client = await connect('mqtt://127.0.0.1:1883', { clock })
console.log(running.size) // 1
await client.close()
console.log(running.size) // 0
