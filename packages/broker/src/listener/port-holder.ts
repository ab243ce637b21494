import { readdir, readFile, readlink } from 'node:fs/promises'
import { printable } from '../log.ts'

/** Names the process that listens on a TCP port, where the system lets us see it (Linux). */
export async function portHolder(port: number): Promise<string | undefined> {
  const sockets = await listeningSockets(port)
  if (sockets.size === 0) return undefined
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

/** What the descriptors of sockets that listen on the port link to: `socket:[12345]`. */
async function listeningSockets(port: number): Promise<Set<string>> {
  const found = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      const isListening = state === '0A'
      if (isListening && Number.parseInt(local.split(':')[1] ?? '', 16) === port)
        found.add(`socket:[${inode}]`)
    }
  }
  return found
}

function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => [])
}
