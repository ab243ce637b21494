import { readdir, readFile, readlink } from 'node:fs/promises'
import { printable } from '../log.ts'

/** Names the process that listens on a TCP port, where the system lets us see it (Linux). */
export async function portHolder(port: number): Promise<string | undefined> {
  const sockets = await listeningSockets(port)
  if (sockets === undefined || sockets.size === 0) return undefined
  for (const process of await namesIn('/proc')) {
    if (!/^\d+$/.test(process)) continue
    for (const descriptor of await namesIn(`/proc/${process}/fd`)) {
      const target = await readlink(`/proc/${process}/fd/${descriptor}`).catch(() => '')
      if (!sockets.has(target)) continue
      const name = await readFile(`/proc/${process}/comm`, 'utf8').catch(() => '')
      return `${printable(name.trim())} (process ${process})`
    }
  }
  return undefined
}

/** Whether the system shows that nobody listens on a TCP port, at whatever address. */
export async function isPortUnused(port: number): Promise<boolean> {
  const sockets = await listeningSockets(port)
  return sockets?.size === 0
}

/**
 * What the descriptors of sockets that listen on the port link to: `socket:[12345]`. Undefined where the
 * system does not show them.
 */
async function listeningSockets(port: number): Promise<Set<string> | undefined> {
  const tables = await Promise.all(['tcp', 'tcp6'].map(linesOf))
  if (tables[0] === undefined) return undefined
  const found = new Set<string>()
  for (const line of tables.flatMap((lines) => lines ?? [])) {
    const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
    const isListening = state === '0A'
    if (isListening && Number.parseInt(local.split(':')[1] ?? '', 16) === port)
      found.add(`socket:[${inode}]`)
  }
  return found
}

/** Without the head. Where there is no IPv6, there is no table for it. */
async function linesOf(table: string): Promise<string[] | undefined> {
  const text = await readFile(`/proc/net/${table}`, 'utf8').catch(() => undefined)
  return text?.split('\n').slice(1)
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
