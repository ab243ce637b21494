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
  log: { level: 'error' },
})
const [url] = (await once(broker, 'message')) as [string]
const bystander = await connect(0, 'bystander')
if (bystander === undefined) throw new Error('the bystander was refused')

console.log(
  `${clientCount} clients of ${userCount} users; times in ms, of the broker's event loop and of a PINGREQ between`,
)
let clients = await phase('first: nobody is remembered', () => connectAll())
for (let round = 1; round <= 3; round++) {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()))
  clients = await phase(`again, ${round}`, () => connectAll())
}
await Promise.all([bystander, ...clients].map((client) => client[Symbol.asyncDispose]()))
broker.disconnect()

async function phase<T>(name: string, work: () => Promise<T>): Promise<T> {
  broker.send('begin')
  await once(broker, 'message')
  const pings: number[] = []
  const watch = new AbortController()
  const watched = keepPinging(pings, watch.signal)
  const startedAt = performance.now()
  const result = await work()
  const seconds = (performance.now() - startedAt) / 1_000
  watch.abort()
  await watched
  broker.send('end')
  const [{ median, p99, longest }] = await once(broker, 'message')
  const loop = `${median.toFixed(1)} median, ${p99.toFixed(1)} p99, ${longest.toFixed(1)} longest`
  const ping = `${quantile(pings, 0.5)} median, ${quantile(pings, 0.99)} p99`
  console.log(`${name}: all in after ${seconds.toFixed(1)} s; loop ${loop}; ping ${ping}`)
  return result
}

async function keepPinging(taken: number[], signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const before = performance.now()
    await bystander?.ping()
    taken.push(performance.now() - before)
    await pause(10)
  }
}

function quantile(numbers: readonly number[], part: number): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(1)
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
