/**
 * What a message costs that is retained, or waits for a client that is away, on its way through the
 * core without sockets: in, out, and memory. The first round is that of a broker that has just begun.
 *
 *     node -C @busbar/source --expose-gc packages/broker/bench/waiting.ts [--messages 50000] [--rounds 4]
 */
import { parseArgs } from 'node:util'
import { encodePacket, type Packet } from '@busbar/protocol'
import { createMemoryStore } from '../src/store/memory.ts'
import { type Core, startTestBroker, type TransportEvents } from '../src/testing/index.ts'

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '50000' },
    rounds: { type: 'string', default: '4' },
    cell: { type: 'string', default: 'retained,queue' },
  },
})
const messages = Number(values.messages)
const payload = new Uint8Array(100)
const batch = 100
const publish = { type: 'publish', dup: false, properties: {}, payload } as const

/** A socket that takes what it is given, and counts it. */
class Sink {
  readonly address = 'bench'
  readonly takesBytesAtOnce = true
  pendingBytes = 0
  /** PUBACK for each PUBLISH of QoS 1 that has come. */
  acknowledgements: number[] = []
  write(bytes: Uint8Array): void {
    this.pendingBytes += bytes.length
    // No packet has more than two bytes of Remaining Length here.
    for (let at = 0; at < bytes.length; ) {
      const first = bytes[at + 1] as number
      const body = at + (first < 128 ? 2 : 3)
      const length = first < 128 ? first : (first & 127) + 128 * (bytes[at + 2] as number)
      if (bytes[at] === 0x32) this.#acknowledge(bytes, body)
      at = body + length
    }
  }
  #acknowledge(bytes: Uint8Array, body: number): void {
    const at = body + 2 + (bytes[body + 1] as number)
    this.acknowledgements.push(0x40, 2, bytes[at] as number, bytes[at + 1] as number)
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

const limits = { queue: { messages: 10_000_000, storedMessages: 10_000_000 } }
const cells = values.cell.split(',')
for (let round = 1; round <= Number(values.rounds); round++) {
  if (cells.includes('retained')) await measure('retained', round, retained)
  if (cells.includes('queue')) await measure('queue', round, queue)
}

type Report = (step: string) => void

interface Clients {
  readonly core: Core
  readonly turn: () => void
}

async function measure(
  name: string,
  round: number,
  work: (clients: Clients, report: Report) => unknown,
): Promise<unknown> {
  const broker = await startTestBroker({ limits }, { store: createMemoryStore('elsewhere') })
  const { core, endTurn: turn } = broker
  let before = 0
  let since = process.threadCpuUsage()
  const parts: string[] = []
  // What was sent stays until the end, so that only what is kept counts.
  const sent = work({ core, turn }, (step) => {
    const { user, system } = process.threadCpuUsage(since)
    parts.push(`${step} ${((user + system) / messages).toFixed(2)} µs`)
    if (step === '(setup)') before = memory()
    if (step === 'in') parts.push(`${Math.round((memory() - before) / messages)} bytes`)
    since = process.threadCpuUsage()
  })
  console.log(`${name.padEnd(9)} round ${round}: ${parts.join(', ')}`)
  await broker[Symbol.asyncDispose]()
  return sent
}

function retained({ core, turn }: Clients, report: Report): unknown {
  const publisher = connect(core, 'publisher', new Sink())
  const chunks = inBatches((i) => {
    const topicName = `kept/a${Math.floor(i / 100)}/d${i % 100}/temp`
    const packetIdentifier = (i % 1_000) + 1
    return { ...publish, qos: 1, retain: true, topicName, packetIdentifier }
  })
  report('(setup)')
  for (const chunk of chunks) {
    publisher.receive(chunk)
    turn()
  }
  report('in')
  const sink = new Sink()
  const reader = connect(core, 'reader', sink)
  subscribe(reader, 'kept/#', 0)
  drain({ sink, reader, turn })
  report('out')
  return chunks
}

function queue({ core, turn }: Clients, report: Report): unknown {
  const first = connect(core, 'reader', new Sink(), true)
  subscribe(first, 'queue/one', 1)
  turn()
  first.closed()
  turn()
  const publisher = connect(core, 'publisher', new Sink())
  const chunks = inBatches((i) => {
    const packetIdentifier = (i % 1_000) + 1
    return { ...publish, qos: 1, retain: false, topicName: 'queue/one', packetIdentifier }
  })
  report('(setup)')
  for (const chunk of chunks) {
    publisher.receive(chunk)
    turn()
  }
  report('in')
  const sink = new Sink()
  const reader = connect(core, 'reader', sink, true)
  drain({ sink, reader, turn })
  report('out')
  return chunks
}

interface Reading {
  readonly sink: Sink
  readonly reader: TransportEvents
  readonly turn: () => void
}

/** The client reads what has been written, and acknowledges it. */
function drain({ sink, reader, turn }: Reading): void {
  for (let bytes = -1; bytes !== 0; ) {
    turn()
    bytes = sink.pendingBytes
    sink.pendingBytes = 0
    reader.drained()
    const { acknowledgements } = sink
    // What it reads may bring more.
    sink.acknowledgements = []
    if (acknowledgements.length > 0) reader.receive(Uint8Array.from(acknowledgements))
  }
}

function inBatches(packet: (i: number) => Packet): readonly Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let i = 0; i < messages; i += batch) {
    const packets = Array.from({ length: batch }, (_, j) => encodePacket(packet(i + j), 5))
    chunks.push(Buffer.concat(packets))
  }
  return chunks
}

function subscribe(events: TransportEvents, topicFilter: string, qos: 0 | 1): void {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ topicFilter, options }]
  const packet = { type: 'subscribe', packetIdentifier: 1, properties: {}, subscriptions } as const
  events.receive(encodePacket(packet, 5))
}

function connect(to: Core, clientIdentifier: string, sink: Sink, isLasting = false) {
  const events = to.accept(sink)
  const properties = isLasting ? { sessionExpiryInterval: 3_600, receiveMaximum: 1_000 } : {}
  const packet: Packet = {
    ...{ type: 'connect', protocolVersion: 5, clientIdentifier, cleanStart: false },
    ...{ keepAliveSeconds: 0, properties, will: undefined },
    ...{ username: undefined, password: undefined },
  }
  events.receive(encodePacket(packet, 5))
  return events
}

function memory(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
