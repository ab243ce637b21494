// Busbar's client and MQTT.js side by side: `npm run client-throughput -- [ROUNDS]`. Publishing goes
// to Mosquitto, receiving comes from a server that sends as fast as it is read. Each measurement is a
// process of its own; the libraries take turns, and medians are printed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connect } from '@busbar/client'
import { encodePacket, Framer, largestPacket, readPacket } from '@busbar/protocol'
import mqtt from 'mqtt'
import { within } from '../src/deadline.ts'
import { needs } from '../src/needs.ts'
import { Program } from '../src/program.ts'
import { publishPacket } from '../src/raw-client.ts'
import { goodAnswer } from '../src/scripted-server.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

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
const topicName = 'bench/client/throughput'
const payload = new Uint8Array(100).fill(0x61)

const [first = '3', library, task, url] = process.argv.slice(2)
if (first === 'measure') {
  console.log(JSON.stringify(await measure(library as string, task as Task, url as string)))
  process.exit(0)
}
await compare(Number(first))

async function compare(rounds: number): Promise<void> {
  const absent = needs('mosquitto')
  if (absent !== false) return console.log(`skipped: ${absent}`)
  const source = await startSource()
  const port = String(await freePort())
  await using folder = await temporaryFolder()
  const settings = join(folder.path, 'mosquitto.conf')
  await writeFile(
    settings,
    `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages ${window}\n`,
  )
  await using broker = new Program('mosquitto', ['-c', settings])
  await broker.line(/running/)
  console.log('| | Busbar | MQTT.js | times | CPU µs Busbar | CPU µs MQTT.js | times |')
  console.log('| --- | --- | --- | --- | --- | --- | --- |')
  for (const each of tasks) {
    const target = each.startsWith('receive') ? source.url : `mqtt://127.0.0.1:${port}`
    const figures: Record<(typeof libraries)[number], Figure[]> = { busbar: [], mqttjs: [] }
    for (let round = 0; round < rounds; round++) {
      for (const name of libraries) figures[name].push(await run(name, each, target))
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
  source.close()
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
      await client.publish('more', String(count))
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
    await client.publishAsync('more', String(count))
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

/** Sends what is asked for by a message to `more`, QoS 1 within the window of the client. */
async function startSource(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {})
    const framer = new Framer(largestPacket)
    const piece = 500
    let qos: 0 | 1 = 0
    let left = 0
    let open = 0
    let identifier = 0
    let room = 500
    const plain = encodePacket(publishPacket(topicName, payload), 5)
    const many = Buffer.concat(new Array<Uint8Array>(piece).fill(plain))
    const send = () => {
      while (qos === 0 && left > 0 && socket.writableLength < 1_000_000) {
        const size = Math.min(left, piece)
        left -= size
        socket.write(many.subarray(0, size * plain.length))
      }
      const batch: Uint8Array[] = []
      for (; qos === 1 && left > 0 && open < room; open++, left--) {
        identifier = (identifier % 65_535) + 1
        batch.push(
          encodePacket(publishPacket(topicName, payload, { qos, packetIdentifier: identifier }), 5),
        )
      }
      if (batch.length > 0) socket.write(Buffer.concat(batch))
    }
    socket.on('drain', send)
    socket.on('data', (bytes: Buffer) => {
      framer.push(bytes)
      while (framer.advance()) {
        const packet = readPacket(framer.firstByte, framer.body(), 5, 'client')
        if (packet.type === 'connect') room = Math.min(500, packet.properties.receiveMaximum ?? 500)
        if (packet.type === 'subscribe') qos = packet.subscriptions[0]?.options.qos === 1 ? 1 : 0
        if (packet.type === 'publish') left = Number(Buffer.from(packet.payload).toString())
        if (packet.type === 'puback') open--
        const answer = goodAnswer(packet)
        if (answer !== undefined) socket.write(encodePacket(answer, 5))
      }
      send()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  return { url: `mqtt://127.0.0.1:${address.port}`, close: () => server.close() }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
