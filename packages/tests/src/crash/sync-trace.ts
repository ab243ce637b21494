import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Framer, largestPacket, readPacket } from '@busbar/protocol'
import { within } from '../deadline.ts'
import { childOf } from '../memory.ts'
import { Program } from '../program.ts'
import { RawClient } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { busbarKind, type Level } from './broker-process.ts'
import { readTrace, type SystemCall } from './strace.ts'

/** One acknowledged message, as places in the trace of the broker. */
export interface TracedAck {
  readonly message: number
  /** Where it was first written to a file of the store. */
  readonly written: number | undefined
  /** Where the first sync after that had ended. */
  readonly synced: number | undefined
  /** Where the write of its PUBACK began. */
  readonly acknowledged: number
}

export interface TraceOptions {
  readonly level: Level
  /** Messages, each sent when the one before was acknowledged. */
  readonly oneByOne: number
  /** Messages that are sent without waiting. */
  readonly pipelined: number
}

const traced = 'fdatasync,fsync,pwrite64,pwritev,write,writev,sendto,sendmsg'

/** Publishes QoS 1 for a Session that is away to a broker under strace, and reads the trace. */
export async function traceAcks(options: TraceOptions): Promise<readonly TracedAck[]> {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'trace')
  const [command, args] = busbarKind(options.level).command(join(folder.path, 'data'), 0)
  const flags = ['-f', '-ttt', '-yy', '-xx', '-s', '65536', '-e', `trace=${traced}`, '-o', file]
  await using strace = new Program('strace', [...flags, command, ...args])
  const url = (await strace.line(/^ {2}mqtt:\/\//)).trim()
  await publish(url, options)
  process.kill(await childOf(strace.pid), 'SIGTERM')
  await within(strace.exited, 'the end of the broker')
  return findAcks(readTrace(readFileSync(file, 'utf8')))
}

async function publish(url: string, { oneByOne, pipelined }: TraceOptions): Promise<void> {
  await using subscriber = await RawClient.open(url)
  const properties = { sessionExpiryInterval: 3_600 }
  await subscriber.connect({ clientIdentifier: 'subscriber', properties })
  await subscriber.subscribe('traced', 1)
  await subscriber.leave()
  await using publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: 'publisher' })
  const send = (packetIdentifier: number) =>
    publisher.publish('traced', nameOf(packetIdentifier), { qos: 1, packetIdentifier })
  for (let number = 1; number <= oneByOne; number++) {
    send(number)
    await publisher.next('puback')
  }
  for (let number = 1; number <= pipelined; number++) send(oneByOne + number)
  for (let number = 1; number <= pipelined; number++) await publisher.next('puback')
}

/** Found again in the files of the store. */
function nameOf(message: number): string {
  return `message-${String(message).padStart(6, '0')}.`
}

function findAcks(calls: readonly SystemCall[]): readonly TracedAck[] {
  const inStore = calls.filter(({ target }) => /\/busbar\.db(-wal)?$/.test(target))
  return pubacks(calls).map(({ message, begun }) => {
    const name = nameOf(message)
    const write = inStore.find(({ bytes }) => bytes.includes(name))
    const sync = inStore.find(
      (call) =>
        write !== undefined &&
        (call.name === 'fdatasync' || call.name === 'fsync') &&
        call.result === 0 &&
        call.target === write.target &&
        call.begun > write.ended,
    )
    return { message, written: write?.ended, synced: sync?.ended, acknowledged: begun }
  })
}

/** Every PUBACK that the broker has written to a socket, with the call that began to write it. */
function pubacks(calls: readonly SystemCall[]): readonly { message: number; begun: number }[] {
  const framers = new Map<string, Framer>()
  const found: { message: number; begun: number }[] = []
  for (const { target, bytes, result, begun } of calls) {
    if (!target.startsWith('TCP') || result <= 0) continue
    const framer = framers.get(target) ?? new Framer(largestPacket)
    framers.set(target, framer)
    framer.push(bytes.subarray(0, result))
    while (framer.advance()) {
      const packet = readPacket(framer.firstByte, framer.body(), 5, 'server')
      if (packet.type === 'puback') found.push({ message: packet.packetIdentifier, begun })
    }
  }
  return found
}
