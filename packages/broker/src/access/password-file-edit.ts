import { type FileHandle, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ConfigError, type ConfigProblem } from '../config-error.ts'
import { formatEntry, type PasswordEntry, parsePasswordFile, userOf } from './password-file.ts'

/** A change of a password file that cannot be made. The message says it all. */
export class PasswordFileError extends Error {
  override readonly name = 'PasswordFileError'
}

/**
 * Reads a password file, lets `change` give what is to be in it, and replaces it as a whole: whoever
 * reads it meanwhile, or finds it after a crash, sees the old or the new one. Throws
 * `PasswordFileError`, and `ConfigError` for a file that is malformed.
 */
export async function editPasswordFile(
  path: string,
  change: (entries: readonly PasswordEntry[]) => Promise<readonly PasswordEntry[]>,
): Promise<void> {
  const cannot = ({ message }: Error): never => {
    throw new PasswordFileError(`${path} cannot be written: ${message}`)
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch(cannot)
  const next = `${path}.new`
  // It is also the lock: two changes at once would lose one.
  const file = await open(next, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') return cannot(error)
    throw new PasswordFileError(
      `Another command is changing ${path}, or was stopped while it did: if none runs, remove ${next}.`,
    )
  })
  try {
    try {
      const entries = await change(await currentEntries(path))
      await keepOwner(file, path)
      await file.writeFile(entries.map(formatEntry).join(''))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(next, path)
    await syncFolder(dirname(path))
  } catch (error) {
    await rm(next, { force: true })
    throw error
  }
}

/** None when there is no file yet, or an empty one. */
async function currentEntries(path: string): Promise<PasswordEntry[]> {
  const content = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new PasswordFileError(`${path} cannot be read: ${error.message}`)
  })
  if (content.trim() === '') return []
  return parsePasswordFile(content, path).map(({ entry }) => entry)
}

/** A file that root has changed is still that of the broker, which may be somebody else. */
async function keepOwner(file: FileHandle, path: string): Promise<void> {
  const { uid, gid } = await stat(path).catch(() => stat(dirname(path)))
  if (process.getuid?.() === 0) await file.chown(uid, gid)
}

/** The rename is on the disk. Where folders cannot be synced, nothing is lost but that certainty. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close()
}

/** Reads the file of `mosquitto_passwd`: `NAME:$7$…` or `NAME:$6$…` a line. Throws `ConfigError`. */
export function parseMosquittoPasswords(content: string, path: string): PasswordEntry[] {
  const problems: ConfigProblem[] = []
  const entries = content.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return []
    const colon = line.indexOf(':')
    const entry = { name: line.slice(0, colon), groups: [], password: line.slice(colon + 1) }
    if (colon > 0 && typeof userOf(entry) !== 'string') return [entry]
    const text =
      'is not NAME:$7$… or NAME:$6$…; a file with plain passwords is first hashed with mosquitto_passwd -U'
    problems.push({ place: `${path}:${index + 1}`, path: '', text })
    return []
  })
  if (problems.length > 0) throw new ConfigError(problems)
  if (entries.length === 0) {
    throw new ConfigError([{ place: path, path: '', text: 'has no users' }])
  }
  return entries
}
