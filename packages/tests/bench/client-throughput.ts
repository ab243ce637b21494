// Busbar's client and MQTT.js side by side: `npm run client-throughput -- [ROUNDS] [SERVER...]`. The
// servers are Mosquitto, Busbar, and a bare one that only acknowledges and sends, with which the
// client is what there is to measure. Each measurement is a process of its own; the libraries take
// turns, and medians are printed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '@busbar/client'
import mqtt from 'mqtt'
import { startBusbar } from '../src/busbar.ts'
import { within } from '../src/deadline.ts'
import { needs } from '../src/needs.ts'
import { Program } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'
import { moreTopic, payload, startBareServer, startFeeder, topicName } from './message-source.ts'

interface Figure {
  readonly perSecond: number
  readonly cpuMicroseconds: number
}

type Task = 'publish0' | 'publish1' | 'publish2' | 'receive0' | 'receive1'

const libraries = ['busbar', 'mqttjs'] as const
const tasks: readonly Task[] = ['publish0', 'publish1', 'publish2', 'receive0', 'receive1']
const counts: Readonly<Record<Task, number>> = {
  publish0: 300_000,
  publish1: 100_000,
  publish2: 60_000,
  receive0: 500_000,
  receive1: 200_000,
}
const window = 500

const [first = '3', ...others] = process.argv.slice(2)
const [library, task, url] = others
if (first === 'measure') {
  console.log(JSON.stringify(await measure(library as string, task as Task, url as string)))
  process.exit(0)
}
for (const name of others.length > 0 ? others : ['mosquitto', 'busbar', 'bare']) {
  await compare(name, Number(first))
}

async function compare(name: string, rounds: number): Promise<void> {
  const absent = name === 'mosquitto' ? needs('mosquitto') : false
  if (absent !== false) return console.log(`skipped: ${absent}`)
  await using server = await startServer(name)
  console.log(`\n| ${name} | Busbar | MQTT.js | times | CPU µs Busbar | CPU µs MQTT.js | times |`)
  console.log('| --- | --- | --- | --- | --- | --- | --- |')
  for (const each of tasks) {
    const figures: Record<(typeof libraries)[number], Figure[]> = { busbar: [], mqttjs: [] }
    for (let round = 0; round < rounds; round++) {
      for (const client of libraries) figures[client].push(await run(client, each, server.url))
    }
    const ours = median(figures.busbar)
    const theirs = median(figures.mqttjs)
    const cells = [
      each,
      Math.round(ours.perSecond).toLocaleString('en'),
      Math.round(theirs.perSecond).toLocaleString('en'),
      (ours.perSecond / theirs.perSecond).toFixed(2),
      ours.cpuMicroseconds.toFixed(2),
      theirs.cpuMicroseconds.toFixed(2),
      (theirs.cpuMicroseconds / ours.cpuMicroseconds).toFixed(2),
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
}

/** A server with a source behind it. */
async function startServer(name: string): Promise<{ readonly url: string } & AsyncDisposable> {
  await using parts = new AsyncDisposableStack()
  let url: string
  if (name === 'bare') {
    const server = await startBareServer()
    parts.defer(() => server.close())
    url = server.url
  } else {
    url = name === 'busbar' ? await startOurs(parts) : await startMosquitto(parts)
    const feeder = await startFeeder(url)
    parts.defer(() => feeder.close())
  }
  const all = parts.move()
  return { url, [Symbol.asyncDispose]: () => all.disposeAsync() }
}

async function startOurs(parts: AsyncDisposableStack): Promise<string> {
  const settings = ['--memory', '--set', 'limits.queue.messages=1000000']
  return parts.use(await startBusbar(...settings)).tcp
}

async function startMosquitto(parts: AsyncDisposableStack): Promise<string> {
  const port = String(await freePort())
  const folder = parts.use(await temporaryFolder())
  const file = join(folder.path, 'mosquitto.conf')
  const limits = `max_inflight_messages ${window}\nmax_queued_messages 0\nmax_queued_bytes 0\n`
  await writeFile(file, `listener ${port} 127.0.0.1\nallow_anonymous true\n${limits}`)
  const broker = parts.use(new Program('mosquitto', ['-c', file]))
  await broker.line(/running/)
  return `mqtt://127.0.0.1:${port}`
}

function median(figures: readonly Figure[]): Figure {
  const middle = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? 0
  return {
    perSecond: middle(figures.map(({ perSecond }) => perSecond)),
    cpuMicroseconds: middle(figures.map(({ cpuMicroseconds }) => cpuMicroseconds)),
  }
}

async function run(name: string, each: Task, target: string): Promise<Figure> {
  const file = fileURLToPath(import.meta.url)
  const args = [...process.execArgv, file, 'measure', name, each, target]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.on('data', (bytes) => {
    output += bytes
  })
  await within(once(child, 'close'), `${each} of ${name}`, 300_000)
  return JSON.parse(output) as Figure
}

async function measure(name: string, each: Task, target: string): Promise<Figure> {
  const count = counts[each]
  const work = await prepare(name, each, target)
  await work(Math.ceil(count / 5)) // warm
  const cpuBefore = process.cpuUsage()
  const startedAt = performance.now()
  await work(count)
  const seconds = (performance.now() - startedAt) / 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  return { perSecond: count / seconds, cpuMicroseconds: (user + system) / count }
}

/** Something that publishes or receives so many messages. */
async function prepare(
  name: string,
  each: Task,
  target: string,
): Promise<(count: number) => Promise<void>> {
  const qos = Number(each.at(-1)) as 0 | 1 | 2
  if (name === 'busbar') {
    const client = await connect(target, { session: { expirySeconds: 0 }, receiveMaximum: window })
    if (each.startsWith('publish')) {
      return (count) =>
        windowed(count, (done) => {
          client.publish(topicName, payload, { qos }).then(done)
        })
    }
    const subscription = await client.subscribe(topicName, { qos, whenFull: 'pause' })
    return async (count) => {
      await client.publish(moreTopic, `${qos} ${count}`)
      for (let left = count; left > 0; left--) await subscription.next()
    }
  }
  const client = await mqtt.connectAsync(target, {
    protocolVersion: 5,
    properties: { receiveMaximum: window },
  })
  const buffer = Buffer.from(payload)
  if (each.startsWith('publish')) {
    return (count) => windowed(count, (done) => client.publish(topicName, buffer, { qos }, done))
  }
  let left = 0
  let finished = () => {}
  client.on('message', () => {
    if (--left === 0) finished()
  })
  await client.subscribeAsync(topicName, { qos })
  return async (count) => {
    left = count
    const all = new Promise<void>((resolve) => {
      finished = resolve
    })
    await client.publishAsync(moreTopic, `${qos} ${count}`)
    await all
  }
}

/** So many, and never more than the window on their way. */
function windowed(count: number, publish: (done: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    let started = 0
    let finished = 0
    const done = () => {
      finished++
      if (finished === count) resolve()
      else if (started < count) next()
    }
    const next = () => {
      started++
      publish(done)
    }
    for (let n = 0; n < window; n++) next()
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
