import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type ConfigInput,
  formatEntry,
  makeEntry,
  type PasswordEntry,
  readPassword,
} from '@busbar/broker'
import { type BusbarProcess, busbar, startProgram } from '../busbar.ts'
import { RawClient } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'

/** A broker in a process of its own with what an attack needs of its configuration. */
export interface OwnBroker extends BusbarProcess {
  /** Its working folder. */
  readonly folder: string
}

export const passwordFile = 'users'

/** What is kept of a password, as `busbar user add` writes it. */
export async function userEntry(name: string, password: string): Promise<PasswordEntry> {
  const read = readPassword(new TextEncoder().encode(password))
  if (read === undefined) throw new Error('not a password')
  return await makeEntry({ name, groups: [] }, read, false)
}

/** Starts it with these files beside the configuration, on free ports and in memory. */
export async function startOwnBroker(
  config: ConfigInput,
  files: Readonly<Record<string, string>> = {},
): Promise<OwnBroker> {
  const folder = await temporaryFolder()
  const input = JSON.stringify({ store: { engine: 'memory' }, ...config })
  for (const [name, content] of Object.entries({ ...files, 'busbar.yaml': input })) {
    await writeFile(join(folder.path, name), content, { mode: 0o600 })
  }
  const flags = ['broker', '--config', 'busbar.yaml', '--port', '0', '--ws-port', '0']
  const started = await startProgram(busbar, flags, folder)
  return Object.assign(started, { folder: folder.path })
}

/** The same with one user, `ada`, whose password is `lovelace`. */
export async function startWithUser(auth: ConfigInput['auth'] = {}): Promise<OwnBroker> {
  // A CONNECT that waits for a worker on a busy machine is not to be taken for a slow one.
  const limits = { connectTimeoutSeconds: 120 }
  const config = { limits, auth: { passwordFile, ...auth } }
  return await startOwnBroker(config, { [passwordFile]: formatEntry(await ada()) })
}

let known: Promise<PasswordEntry> | undefined

function ada(): Promise<PasswordEntry> {
  known ??= userEntry('ada', 'lovelace')
  return known
}

/** What CONNECT with a name and a password is answered with; the client stays connected on 0. */
export async function logIn(
  url: string,
  username: string,
  password: string,
  clientIdentifier: string = username,
): Promise<{ reasonCode: number; reason: string | undefined; client: RawClient }> {
  const client = await RawClient.open(url)
  const bytes = new TextEncoder().encode(password)
  const connack = await client.connect({ clientIdentifier, username, password: bytes })
  const { reasonCode, properties } = connack
  return { reasonCode, reason: properties.reasonString, client }
}

/** The Reason Code only; nothing stays connected. */
export async function codeOf(url: string, username: string, password: string): Promise<number> {
  const { reasonCode, client } = await logIn(url, username, password)
  await client[Symbol.asyncDispose]()
  return reasonCode
}
