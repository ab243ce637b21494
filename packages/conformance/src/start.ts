import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConfigFormat, type ProfileName, renderConfig, renderPasswords } from './profiles.ts'
import { delay } from './raw-peer.ts'

/** How to start a broker: `{config}` in the command stands for the path of the written file. */
export interface StartOptions {
  readonly command: string
  readonly format: ConfigFormat
}

/** A broker of ours; disposing it ends the process. */
export interface StartedBroker extends AsyncDisposable {
  readonly mqttUrl: string
  readonly websocketUrl: string
}

/** One listener for all of them, because more than ten would be taken for a leak. */
const abandonAtExit = new Set<() => void>()
process.once('exit', () => {
  for (const abandon of abandonAtExit) abandon()
})

const startTimeoutMs = 60_000
const stopTimeoutMs = 5_000

/** Starts a broker for the profile; undefined where its configuration cannot express it. */
export async function startForProfile(
  { command, format }: StartOptions,
  profile: ProfileName,
): Promise<StartedBroker | undefined> {
  if (!command.includes('{config}')) throw new Error(`no {config} in the command: ${command}`)
  const folder = await mkdtemp(join(tmpdir(), `conformance-${profile}-`))
  const ports = { mqtt: await freePort(), websocket: await freePort() }
  const passwords = join(folder, 'passwords')
  const config = renderConfig(format, profile, { ...ports, passwords })
  if (config === undefined) {
    await rm(folder, { recursive: true })
    return undefined
  }
  const file = join(folder, format === 'busbar' ? 'busbar.yaml' : 'mosquitto.conf')
  await writeFile(file, config)
  await writeFile(passwords, renderPasswords(format, profile) ?? '')
  // With exec the shell leaves, so that the signals reach the broker itself.
  const line = `exec ${command.replaceAll('{config}', `'${file}'`)}`
  const child = spawn(line, { shell: true, stdio: ['ignore', 'ignore', 'pipe'] })
  // A process that is ended early leaves neither.
  const abandon = () => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true, maxRetries: 10 })
  }
  abandonAtExit.add(abandon)
  const stop = async (): Promise<void> => {
    await stopProcess(child)
    await rm(folder, { recursive: true, force: true })
    abandonAtExit.delete(abandon)
  }
  try {
    await untilAccepting(child, ports.mqtt)
  } catch (error) {
    await stop()
    throw error
  }
  return {
    mqttUrl: `mqtt://127.0.0.1:${ports.mqtt}`,
    websocketUrl: `ws://127.0.0.1:${ports.websocket}/mqtt`,
    [Symbol.asyncDispose]: stop,
  }
}

/** Those of brokers that may not listen yet: the system would give them out again. */
const givenPorts = new Set<number>()

async function freePort(): Promise<number> {
  const server = net.createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  if (givenPorts.has(address.port)) return await freePort()
  givenPorts.add(address.port)
  return address.port
}

async function untilAccepting(child: ChildProcess, port: number): Promise<void> {
  let said = ''
  child.stderr?.on('data', (bytes: Buffer) => {
    said = (said + bytes.toString()).slice(-2_000)
  })
  const deadline = Date.now() + startTimeoutMs
  for (;;) {
    const isAccepting = await accepts(port)
    // Asked afterwards: another program may have taken the port.
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the broker ended with ${child.exitCode ?? child.signalCode}: ${said}`)
    }
    if (isAccepting) return
    if (Date.now() > deadline) throw new Error(`the broker does not listen after 60 s: ${said}`)
    await delay(50)
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = net.connect({ host: '127.0.0.1', port })
  try {
    await once(socket, 'connect')
    // A port that nobody listens on may be given to this very socket, which then meets itself.
    return socket.localPort !== port
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await ended
  clearTimeout(timer)
}
