import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startEmbedded } from './embedded.ts'
import { freePort } from './free-port.ts'
import { needs } from './needs.ts'
import { Program } from './program.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface Place extends AsyncDisposable {
  readonly url: string
}

/** A broker that the client is tried with, and what it can. */
export interface BrokerKind {
  readonly name: string
  /** Why it is not there. */
  readonly skip: string | false
  readonly versions: readonly (4 | 5)[]
  readonly maximumQoS: 1 | 2
  start(): Promise<Place>
}

/** It announces that it takes 20 messages at once. */
async function startBusbar(): Promise<Place> {
  const broker = await startEmbedded({ mqtt: { receiveMaximum: 20 } })
  return { url: broker.tcp, [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose]() }
}

/** A program that reads its settings from a file of a folder of its own. */
async function startProgram(
  name: string,
  settings: (folder: string) => string,
  { line, url }: { line: RegExp; url: string },
): Promise<Place> {
  const folder = await temporaryFolder()
  const file = join(folder.path, `${name}.conf`)
  await writeFile(file, settings(folder.path))
  const program = new Program(name, ['-c', file], { cwd: folder.path })
  const stop = async () => {
    await program[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  }
  try {
    await program.line(line)
  } catch (error) {
    await stop()
    throw error
  }
  return { url, [Symbol.asyncDispose]: stop }
}

/** Mosquitto takes 20 messages at once, and here its queues have no end. */
async function startMosquitto(): Promise<Place> {
  const port = await freePort()
  const settings = `listener ${port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n`
  const url = `mqtt://127.0.0.1:${port}`
  return await startProgram('mosquitto', () => settings, { line: /running/, url })
}

/** NATS speaks MQTT 3.1.1 over JetStream, which keeps its Sessions and retained messages. */
async function startNats(): Promise<Place> {
  const port = await freePort()
  const settings = (folder: string) => `
    server_name: busbar_tests
    listen: 127.0.0.1:-1
    jetstream { store_dir: "${folder}", max_memory_store: 64MB, max_file_store: 256MB }
    mqtt { listen: "127.0.0.1:${port}" }
  `
  const url = `mqtt://127.0.0.1:${port}`
  return await startProgram('nats-server', settings, { line: /Server is ready/, url })
}

export const brokers: readonly BrokerKind[] = [
  { name: 'Busbar', skip: false, versions: [4, 5], maximumQoS: 2, start: startBusbar },
  {
    name: 'Mosquitto',
    skip: needs('mosquitto'),
    versions: [4, 5],
    maximumQoS: 2,
    start: startMosquitto,
  },
  { name: 'NATS', skip: needs('nats-server'), versions: [4], maximumQoS: 1, start: startNats },
]
