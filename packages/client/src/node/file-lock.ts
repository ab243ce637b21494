import { readFile, rm, writeFile } from 'node:fs/promises'
import { ClientError } from '../errors.ts'

export interface FileLock {
  release(): Promise<void>
}

// for the process
const held = new Set<string>()

/**
 * Takes a file that says which process is at work. One that was left behind by a process that is no
 * more is taken over. Throws a `ClientError`.
 */
export async function lockFile(path: string): Promise<FileLock> {
  if (held.has(path)) throw inUse(path, process.pid)
  held.add(path)
  try {
    await take(path)
  } catch (error) {
    held.delete(path)
    throw error
  }
  return {
    async release() {
      await rm(path, { force: true })
      held.delete(path)
    },
  }
}

async function take(path: string): Promise<void> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      return await writeFile(path, `${process.pid}\n`, { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    const owner = Number(await readFile(path, 'utf8').catch(() => ''))
    if (isAlive(owner)) throw inUse(path, owner)
    await rm(path, { force: true })
  }
  throw new ClientError('store-failed', `${path} cannot be taken`)
}

function isAlive(owner: number): boolean {
  // Our own number and not held by us: the process before us had it, as in a container.
  if (!Number.isInteger(owner) || owner <= 0 || owner === process.pid) return false
  try {
    process.kill(owner, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

function inUse(path: string, owner: number): ClientError {
  const message = `the session is in use by process ${owner}, as ${path} says`
  return new ClientError('store-failed', message)
}
