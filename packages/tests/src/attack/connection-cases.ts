import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { encodePacket } from '@busbar/protocol'
import { type BrokerUrls, busbar } from '../busbar.ts'
import { eventually, pause, within } from '../deadline.ts'
import { exhaustDescriptors } from '../descriptors.ts'
import { run } from '../program.ts'
import { connectPacket, publishPacket, RawClient, subscribePacket } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type AttackCase, checkOthers } from './attack-case.ts'
import { type OwnBroker, startOwnBroker } from './own-broker.ts'

const ownLimits = 'limits of its own'
const ownProcess = 'it looks at the process'

/** Floods, and what connects without ever becoming a client. */
export const connectionCases: readonly AttackCase[] = [
  { number: 2, name: '256 MB before CONNECT allocate nothing', own: ownProcess, run: announced },
  { number: 4, name: 'CONNECT byte by byte', run: slowLoris },
  { number: 5, name: 'silence', run: silence },
  { number: 6, name: 'thousands that never log in', own: ownLimits, run: halfOpen },
  { number: 6, name: 'too many from one address', own: ownLimits, run: oneAddress },
  { number: 18, name: '10,000 filters in one SUBSCRIBE', own: ownLimits, run: manyFilters },
  { number: 24, name: 'a subscriber that never reads', own: ownProcess, run: neverReads },
  { number: 27, name: 'a flood of PINGREQ', own: ownLimits, run: pingFlood },
  { number: 41, name: 'Client Identifiers with paths and escapes', own: ownProcess, run: badNames },
  {
    number: 63,
    name: 'out of file descriptors',
    own: ownProcess,
    run: () => exhaustDescriptors(),
  },
  { number: 64, name: 'a full store in a flood', own: 'its store is its own', run: fullStore },
  { number: 65, name: 'a store that is none', own: 'its store is its own', run: corruptStore },
]

function openSocket(url: string): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => {})
      resolve(socket.resume())
    })
  })
}

function residentBytes({ program }: OwnBroker): number {
  // The launcher's child is the broker.
  const { pid } = program
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  const status = readFileSync(`/proc/${children[0] || pid}/status`, 'utf8')
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1_024
}

async function announced(): Promise<void> {
  await using broker = await startOwnBroker({})
  const before = residentBytes(broker)
  const sockets = await Promise.all(Array.from({ length: 300 }, () => openSocket(broker.tcp)))
  for (const socket of sockets) socket.write(Buffer.from('10ffffff7f', 'hex'))
  await eventually(() => sockets.every(({ closed }) => closed), 'all to be closed')
  const grown = residentBytes(broker) - before
  assert.ok(grown < 64_000_000, `${grown} bytes more`)
  await checkOthers(broker)
}

async function slowLoris(target: BrokerUrls): Promise<void> {
  const hello = encodePacket(connectPacket({ clientIdentifier: 'x'.repeat(2_000) }), 5)
  const socket = await openSocket(target.tcp)
  let sent = 0
  for (; !socket.closed && sent < hello.length; sent++) {
    socket.write(Uint8Array.of(hello[sent] ?? 0))
    await pause(50)
  }
  assert.ok(socket.closed && sent > 2, `still open after ${sent} bytes`)
  await checkOthers(target)
}

async function silence(target: BrokerUrls): Promise<void> {
  const urls = [target.tcp, target.ws].filter((url) => url !== '')
  const sockets = await Promise.all(urls.map((url) => openSocket(url)))
  const closed = sockets.map((socket) => socket.closed || once(socket, 'close'))
  await within(Promise.all(closed), 'the silent to be closed')
  await checkOthers(target)
}

async function halfOpen(): Promise<void> {
  await using broker = await startOwnBroker({ limits: { connecting: 1_000 } })
  await using known = await RawClient.open(broker.tcp)
  await known.connect({ clientIdentifier: 'known' })
  const sockets: Socket[] = []
  for (let i = 0; i < 30; i++) {
    sockets.push(...(await Promise.all(Array.from({ length: 100 }, () => openSocket(broker.tcp)))))
    await known.ping()
  }
  const open = () => sockets.filter((socket) => !socket.closed).length
  await eventually(() => open() <= 1_000, 'those above the limit to be closed')
  await known.ping()
  for (const socket of sockets) socket.destroy()
  await known.leave()
  await eventually(() => isServed(broker.tcp), 'room for others')
  await checkOthers(broker)
}

/** Whether a new connection gets a CONNACK of success. */
async function isServed(url: string): Promise<boolean> {
  const socket = await openSocket(url).catch(() => undefined)
  if (socket === undefined) return false
  socket.write(encodePacket(connectPacket({ clientIdentifier: 'late' }), 5))
  const answer = new Promise<boolean>((resolve) => {
    socket.once('data', (bytes: Buffer) => resolve(bytes[0] === 0x20 && bytes[3] === 0))
    socket.once('close', () => resolve(false))
  })
  return answer.finally(() => socket.destroy())
}

async function oneAddress(): Promise<void> {
  const limits = { connectionsPerAddress: 3, connectRatePerAddress: 100 }
  await using broker = await startOwnBroker({ limits })
  await using clients = new AsyncDisposableStack()
  const codes: number[] = []
  for (let i = 0; i < 5; i++) {
    const client = clients.use(await RawClient.open(broker.tcp))
    codes.push((await client.connect({ clientIdentifier: `c${i}` })).reasonCode)
  }
  assert.deepEqual(codes, [0, 0, 0, 0x97, 0x97])
}

async function manyFilters(): Promise<void> {
  await using broker = await startOwnBroker({ limits: { subscriptionsPerClient: 100 } })
  await using client = await RawClient.open(broker.tcp)
  await client.connect()
  const one = subscribePacket('x')
  const [{ options } = { options: undefined }] = one.subscriptions
  assert.ok(options)
  const subscriptions = Array.from({ length: 10_000 }, (_, i) => ({
    topicFilter: `f/${i}`,
    options,
  }))
  client.send({ ...one, subscriptions })
  const { reasonCodes } = await client.next('suback')
  assert.equal(reasonCodes.filter((code) => code === 0).length, 100)
  assert.equal(reasonCodes.filter((code) => code === 0x97).length, 9_900)
  await checkOthers(broker)
}

async function neverReads(): Promise<void> {
  await using broker = await startOwnBroker({ limits: { queue: { bytes: 1_000_000 } } })
  await using deaf = await RawClient.open(broker.tcp)
  await deaf.connect({ clientIdentifier: 'deaf' })
  await deaf.subscribe('flood', 0)
  deaf.pause()
  await using publisher = await RawClient.open(broker.tcp)
  await publisher.connect({ clientIdentifier: 'publisher' })
  const packet = encodePacket(publishPacket('flood', new Uint8Array(10_000)), 5)
  const flood = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < 500; i++) publisher.sendBytes(packet)
      await publisher.ping()
    }
  }
  await flood(4)
  const before = residentBytes(broker)
  await flood(10)
  const grown = residentBytes(broker) - before
  assert.ok(grown < 64_000_000, `${grown} bytes more`)
  await checkOthers(broker)
}

async function pingFlood(): Promise<void> {
  await using broker = await startOwnBroker({ limits: { messageRate: 50 } })
  await using flood = await RawClient.open(broker.tcp)
  let answered = 0
  await flood.connect({ clientIdentifier: 'flood' })
  flood.onPacket = () => answered++
  flood.sendBytes(Buffer.alloc(20_000, Buffer.from('c000', 'hex')))
  await checkOthers(broker)
  assert.ok(answered < 10_000, 'all of them were answered at once')
  await eventually(() => answered > 60, 'more to be answered')
  assert.equal(flood.isClosed, false)
}

async function badNames(): Promise<void> {
  await using broker = await startOwnBroker({})
  const names = ['../../etc/passwd', 'a/b', 'a\nb', '\u001b[2Jcleared', '\u202egnp', '__proto__']
  for (const clientIdentifier of names) {
    await using client = await RawClient.open(broker.tcp)
    assert.equal((await client.connect({ clientIdentifier })).reasonCode, 0)
    await client.leave()
  }
  await broker.program.line(/client disconnected.*__proto__|__proto__.*client disconnected/)
  for (const control of ['\u001b', '\u202e']) assert.ok(!broker.program.output.includes(control))
  await checkOthers(broker)
}

async function fullStore(): Promise<void> {
  const store = { engine: 'sqlite', maximumBytes: 1_048_576 } as const
  await using broker = await startOwnBroker({ store })
  const properties = { sessionExpiryInterval: 600 }
  await using sleeper = await RawClient.open(broker.tcp)
  await sleeper.connect({ clientIdentifier: 'sleeper', properties })
  await sleeper.subscribe('flood', 1)
  await sleeper.end()
  await using publisher = await RawClient.open(broker.tcp)
  await publisher.connect({ clientIdentifier: 'publisher' })
  const codes = new Set<number>()
  for (let i = 0; i < 400; i++) {
    const fields = { qos: 1, packetIdentifier: 1 + i } as const
    publisher.publish('flood', new Uint8Array(8_000), fields)
    codes.add((await publisher.next('puback')).reasonCode)
  }
  assert.ok(codes.has(0) && codes.has(0x97), [...codes].join())
  await publisher.ping()
  await checkOthers(broker)
}

async function corruptStore(): Promise<void> {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'busbar-data')
  await mkdir(data, { mode: 0o700 })
  await writeFile(join(data, 'busbar.db'), Buffer.alloc(8_192, 'not a database'))
  const ended = await run(busbar, ['broker', '--port', '0', '--ws-port', '0'], { cwd: folder.path })
  assert.equal(ended.code, 1)
  assert.doesNotMatch(ended.stderr, /\n\s+at /, 'a sentence and no stack')
  assert.match(ended.stderr, /busbar\.db/)
}
