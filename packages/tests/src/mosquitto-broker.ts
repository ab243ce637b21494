import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { eventually } from './deadline.ts'
import { freePort } from './free-port.ts'
import { Program } from './program.ts'
import { RawClient } from './raw-client.ts'
import { temporaryFolder } from './temporary-folder.ts'

export interface MosquittoBroker extends AsyncDisposable {
  /** Whoever comes may publish below `open/` and read everything. */
  readonly url: string
  /** Nobody gets in. */
  readonly closedUrl: string
}

/** A Mosquitto of our own. */
export async function startMosquitto(): Promise<MosquittoBroker> {
  const folder = await temporaryFolder()
  const [open, closed] = [await freePort(), await freePort()]
  const access = join(folder.path, 'access')
  const config = join(folder.path, 'mosquitto.conf')
  await writeFile(access, 'topic readwrite open/#\ntopic read #\n', { mode: 0o600 })
  const lines = [
    'per_listener_settings true',
    ...[`listener ${open} 127.0.0.1`, 'allow_anonymous true', `acl_file ${access}`],
    ...[`listener ${closed} 127.0.0.1`, 'allow_anonymous false'],
    'user root',
  ]
  await writeFile(config, `${lines.join('\n')}\n`)
  const program = new Program('mosquitto', ['-c', config])
  const url = `mqtt://127.0.0.1:${open}`
  await eventually(async () => {
    if (program.hasExited) throw new Error(`mosquitto has ended:\n${program.output}`)
    const client = await RawClient.open(url).catch(() => undefined)
    await client?.[Symbol.asyncDispose]()
    return client !== undefined
  }, 'Mosquitto to listen')
  return {
    url,
    closedUrl: `mqtt://127.0.0.1:${closed}`,
    async [Symbol.asyncDispose]() {
      await program[Symbol.asyncDispose]()
      await folder[Symbol.asyncDispose]()
    },
  }
}
