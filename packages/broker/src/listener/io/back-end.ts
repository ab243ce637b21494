import { ConfigError, type ConfigSource } from '../../config-error.ts'
import type { Log } from '../../log.ts'
import type { Accept, Listener, PortOptions } from '../listener.ts'
import { startTcpListener } from '../tcp.ts'
import { type Sockets, startAcceptor } from './acceptor.ts'
import { EpollSockets } from './epoll.ts'
import { probe } from './probe.ts'
import { openSystem, type System, SystemError } from './system.ts'
import { UringSockets } from './uring.ts'

export type BackEndName = 'net' | 'epoll' | 'io_uring'

/** What carries the bytes of TCP connections between the kernel and the core. */
export interface BackEnd extends Disposable {
  readonly name: BackEndName
  /** Why a faster one is not in use: a sentence for each. */
  readonly because: readonly string[]
  listen(options: PortOptions, accept: Accept, log: Log): Promise<Listener>
}

interface FastBackEnd {
  readonly name: BackEndName
  /** Not taken by `auto`. */
  readonly isByNameOnly?: boolean
  readonly open: (system: System) => Sockets & Disposable
  /** Open to be tried out, with little room, so that all of it is used. */
  readonly openToProbe: (system: System) => Sockets & Disposable
}

const little = { entries: 8, completions: 16, buffers: 2, bufferBytes: 4_096 }

/** Those that need more than `net` does, the fastest first. */
const fast: readonly FastBackEnd[] = [
  {
    name: 'io_uring',
    isByNameOnly: true,
    open: (system) => UringSockets.open(system),
    openToProbe: (system) => new UringSockets(system, little),
  },
  {
    name: 'epoll',
    open: (system) => new EpollSockets(system),
    openToProbe: (system) => new EpollSockets(system),
  },
]

/**
 * Opens the back end that was asked for. `auto` takes the fastest that works here; one that was
 * named and does not work is the operator's fault, a `ConfigError`.
 */
export async function openBackEnd(
  wanted: BackEndName | 'auto',
  source?: ConfigSource,
): Promise<BackEnd> {
  const because: string[] = []
  for (const backEnd of fast) {
    const { name } = backEnd
    if (wanted !== 'auto' && wanted !== name) continue
    if (wanted === 'auto' && backEnd.isByNameOnly) {
      because.push(`${name}: only when io names it`)
      continue
    }
    const opened = await tryOpen(backEnd)
    if (typeof opened !== 'string') return ofSockets(name, opened, because)
    because.push(`${name}: ${opened}`)
    if (wanted === name) throw unavailable(name, opened, source)
  }
  return { ...netBackEnd, because }
}

/** What works everywhere. */
export const netBackEnd: BackEnd = {
  name: 'net',
  because: [],
  listen: startTcpListener,
  [Symbol.dispose]() {},
}

interface Opened {
  readonly system: System
  readonly sockets: Sockets & Disposable
}

/** For the thread: why a back end does not work here, once that is known. */
const verdicts = new Map<BackEndName, Promise<string | undefined>>()

async function tryOpen(backEnd: FastBackEnd): Promise<Opened | string> {
  const { name, open, openToProbe } = backEnd
  const system = openSystem()
  if (typeof system === 'string') return system
  const verdict = verdicts.get(name) ?? judge(system, openToProbe)
  verdicts.set(name, verdict)
  return (await verdict) ?? { system, sockets: open(system) }
}

async function judge(
  system: System,
  open: FastBackEnd['openToProbe'],
): Promise<string | undefined> {
  try {
    using sockets = open(system)
    await probe(system, sockets)
    return undefined
  } catch (error) {
    if (error instanceof SystemError) return refusals[error.errno] ?? error.message
    return error instanceof Error ? error.message : String(error)
  }
}

/** What a kernel means by the error of a call that it does not allow, or does not have. */
const refusals: Readonly<Record<number, string>> = {
  1: 'refused by the kernel (EPERM)',
  13: 'refused by the kernel (EACCES)',
  22: 'the kernel is too old (EINVAL)',
  38: 'refused by the kernel (ENOSYS)',
}

function ofSockets(name: BackEndName, opened: Opened, because: readonly string[]): BackEnd {
  return {
    name,
    because,
    listen: (options, accept, log) => startAcceptor(opened, options, accept, log),
    [Symbol.dispose]: () => opened.sockets[Symbol.dispose](),
  }
}

function unavailable(name: BackEndName, reason: string, source?: ConfigSource): ConfigError {
  const text = `is ${name}, which does not work here: ${reason}; allowed is auto or net`
  return new ConfigError([{ place: source?.locate(['io']), path: 'io', text }])
}
