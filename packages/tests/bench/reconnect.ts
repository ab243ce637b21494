// Clients with passwords that connect, lose their connections and come back, all at once:
//   npm run bench:reconnect -- [--clients 10000] [--users 100]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { formatEntry } from '@busbar/broker'
import { userEntry } from '../src/attack/own-broker.ts'
import { pause } from '../src/deadline.ts'
import { connectPacket, RawClient } from '../src/raw-client.ts'
import { ask } from '../src/soak/ask.ts'
import { type Latency, toldLatency } from '../src/soak/latency.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '10000' },
    users: { type: 'string', default: '100' },
  },
})
const clientCount = Number(values.clients)
const userCount = Number(values.users)
/** The system keeps about so many connections that nobody has accepted yet. */
const opening = 400

await using folder = await temporaryFolder()
const passwordFile = join(folder.path, 'passwords')
const names = Array.from({ length: userCount }, (_, at) => `user ${at}`)
const entries: string[] = []
for (const name of names) entries.push(formatEntry(await userEntry(name, `password of ${name}`)))
await writeFile(passwordFile, entries.join(''), { mode: 0o600 })

const broker = fork(new URL('reconnect-broker.ts', import.meta.url), {
  execArgv: ['-C', '@busbar/source'],
})
broker.send({
  listeners: [{ kind: 'tcp', port: 0 }],
  store: { engine: 'memory' },
  auth: { passwordFile },
  access: { default: 'allow' },
  log: { level: 'error' },
})
const [url] = (await once(broker, 'message')) as [string]
// Not in this process, which has its hands full.
const pair = fork(
  new URL('../src/soak/pair.ts', import.meta.url),
  [url, String(broker.pid), names[0] ?? '', `password of ${names[0]}`],
  { execArgv: process.execArgv },
)
await once(pair, 'message')

console.log(
  `${clientCount} clients of ${userCount} users; times of the broker's event loop, and of the messages of a pair that stays`,
)
let clients = await phase('first: nobody is remembered', () => connectAll())
for (let round = 1; round <= 3; round++) {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  clients = await phase(`again, ${round}`, () => connectAll())
}
await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
pair.disconnect()
broker.disconnect()

async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  broker.send('begin')
  await once(broker, 'message')
  await ask<Latency>(pair, 'take', 60_000)
  const startedAt = performance.now()
  const result = await work()
  const seconds = (performance.now() - startedAt) / 1_000
  const latency = await ask<Latency>(pair, 'take', 60_000)
  broker.send('end')
  const [{ median, p99, longest }] = await once(broker, 'message')
  const loop = `${median.toFixed(1)} ms at p50, ${p99.toFixed(1)} at p99, ${longest.toFixed(1)} at most`
  console.log(`${name}: all in after ${seconds.toFixed(1)} s\n  loop ${loop}`)
  console.log(`  pair ${toldLatency(latency)}`)
  return result
}

async function connectAll(): Promise<RawClient[]> {
  const connected: RawClient[] = []
  let next = 0
  const lane = async () => {
    while (next < clientCount) {
      const at = next++
      connected.push(await connectAtLast(at))
    }
  }
  await Promise.all(Array.from({ length: opening }, lane))
  return connected
}

/** Comes again after a while when the broker is busy, as a client would. */
async function connectAtLast(at: number): Promise<RawClient> {
  for (;;) {
    const client = await connect(at % userCount, `client ${at}`)
    if (client !== undefined) return client
    await pause(200 + 300 * Math.random())
  }
}

async function connect(user: number, clientIdentifier: string): Promise<RawClient | undefined> {
  const client = await RawClient.open(url)
  const username = names[user]
  const password = new TextEncoder().encode(`password of ${username}`)
  client.send(connectPacket({ clientIdentifier, username, password }))
  // Closed without an answer when it has waited for longer than a CONNECT may take.
  const answer = await client.packets.next('an answer to CONNECT')
  if (answer !== 'closed' && answer.type === 'connack' && answer.reasonCode === 0) return client
  await client[Symbol.asyncDispose]()
  return undefined
}
