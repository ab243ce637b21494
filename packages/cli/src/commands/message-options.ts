import { readFile } from 'node:fs/promises'
import type { ClientOptions, TlsOptions } from '@busbar/client'
import { columns } from '../output.ts'

// `busbar pub` and `busbar sub` are asked as mosquitto_pub and mosquitto_sub are: short options with
// their value behind them, whatever it begins with, and exit code 1 for what cannot be.

/** What was asked for cannot be; its message is as Mosquitto says it, where Mosquitto does. */
export class MessageUsageError extends Error {
  override readonly name = 'MessageUsageError'
}

/** One option: its names, what follows it, and what it is for. */
export interface OptionRow {
  readonly names: readonly [short: string, long: string] | readonly [long: string]
  readonly value?: string
  readonly description: string
}

export type OptionRows = Readonly<Record<string, OptionRow>>

/** What was given, by the key of its row. */
export interface GivenOptions {
  readonly positionals: readonly string[]
  has(key: string): boolean
  value(key: string): string | undefined
  values(key: string): readonly string[]
}

export const connectionRows = {
  host: { names: ['-h', '--host'], value: 'HOST', description: 'Default localhost.' },
  port: { names: ['-p', '--port'], value: 'PORT', description: 'Default 1883, over TLS 8883.' },
  url: { names: ['-L', '--url'], value: 'URL', description: 'The same as URL without an option.' },
  username: { names: ['-u', '--username'], value: 'NAME', description: 'To log in with.' },
  password: {
    names: ['-P', '--pw'],
    value: 'PASSWORD',
    description: 'Others on this machine see it; BUSBAR_PASSWORD in the environment they do not.',
  },
  id: { names: ['-i', '--id'], value: 'ID', description: 'Client Identifier.' },
  keepAlive: { names: ['-k', '--keepalive'], value: 'SECONDS', description: 'Default 60.' },
  version: {
    names: ['-V', '--protocol-version'],
    value: 'VERSION',
    description: '5 or 311; default 5, and 311 where the broker knows no 5.',
  },
  qos: { names: ['-q', '--qos'], value: 'QOS', description: '0, 1 or 2; default 0.' },
  cafile: { names: ['--cafile'], value: 'FILE', description: 'Authorities to trust (TLS).' },
  cert: { names: ['--cert'], value: 'FILE', description: 'Our certificate (TLS).' },
  key: { names: ['--key'], value: 'FILE', description: 'Its key (TLS).' },
  insecure: { names: ['--insecure'], description: 'Take any certificate of the broker (TLS).' },
  help: { names: ['--help'], description: 'Show this text.' },
} satisfies OptionRows

/** Throws `MessageUsageError`. */
export function parseOptions(rows: OptionRows, args: readonly string[]): GivenOptions {
  const keys = new Map<string, string>()
  for (const [key, { names }] of Object.entries(rows)) for (const name of names) keys.set(name, key)
  const given = new Map<string, string[]>()
  const positionals: string[] = []
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg)
      continue
    }
    const key = keys.get(arg)
    if (key === undefined) throw new MessageUsageError(`Unknown option '${arg}'.`)
    const wanted = rows[key]?.value
    const value = wanted === undefined ? '' : args[++at]
    if (value === undefined) {
      throw new MessageUsageError(
        `${arg} argument given but no ${wanted?.toLowerCase()} specified.`,
      )
    }
    given.set(key, [...(given.get(key) ?? []), value])
  }
  return {
    positionals,
    has: (key) => given.has(key),
    value: (key) => given.get(key)?.at(-1),
    values: (key) => given.get(key) ?? [],
  }
}

export function optionsHelp(rows: OptionRows): string {
  return columns(
    Object.values(rows).map(({ names, value, description }) => [
      `${names.join(', ')}${value === undefined ? '' : ` ${value}`}`,
      description,
    ]),
  )
}

/** Where to connect, and how. */
export interface Connection {
  readonly url: string
  readonly options: ClientOptions
  /** The path of an mqtt: or mqtts: URL, which names a topic there. */
  readonly topic: string | undefined
}

/** Throws `MessageUsageError`; reads the files of TLS. */
export async function readConnection(given: GivenOptions): Promise<Connection> {
  const [positional, surplus] = given.positionals
  if (surplus !== undefined) throw new MessageUsageError(`Unknown option '${surplus}'.`)
  const tls = await readTls(given)
  const written = given.value('url') ?? positional
  const { url, topic, username, password } =
    written === undefined ? fromHost(given, tls !== undefined) : fromUrl(written)
  const name = given.value('username') ?? username
  const secret = given.value('password') ?? process.env.BUSBAR_PASSWORD ?? password
  const id = given.value('id')
  const version = readVersion(given.value('version'))
  return {
    url,
    topic,
    options: {
      version,
      keepAlive: number(given.value('keepAlive') ?? '60', 0, 65_535, 'keepalive'),
      session: { expirySeconds: 0, cleanStart: true },
      ...(id !== undefined && { clientId: id }),
      ...((name ?? secret) !== undefined && {
        credentials: {
          ...(name !== undefined && { username: name }),
          ...(secret !== undefined && { password: secret }),
        },
      }),
      ...(tls !== undefined && { tls }),
    },
  }
}

interface Address {
  readonly url: string
  readonly topic?: string | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
}

function fromHost(given: GivenOptions, isSecure: boolean): Address {
  const port = given.value('port')
  const host = given.value('host') ?? 'localhost'
  const scheme = isSecure || port === '8883' ? 'mqtts' : 'mqtt'
  const suffix = port === undefined ? '' : `:${number(port, 1, 65_535, 'port')}`
  return { url: `${scheme}://${host.includes(':') ? `[${host}]` : host}${suffix}` }
}

function fromUrl(text: string): Address {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^(?:mqtts?|wss?|unix):$/.test(url.protocol)) {
    throw new MessageUsageError(`${text} is not a URL of mqtt:, mqtts:, ws:, wss: or unix:.`)
  }
  const [username, password] = [url.username, url.password].map(
    (part) => decodeURIComponent(part) || undefined,
  )
  url.username = ''
  url.password = ''
  const names = url.protocol.startsWith('mqtt') ? decodeURIComponent(url.pathname.slice(1)) : ''
  return { url: url.href, topic: names || undefined, username, password }
}

async function readTls(given: GivenOptions): Promise<TlsOptions | undefined> {
  const isInsecure = given.has('insecure')
  const [ca, cert, key] = await Promise.all(
    ['cafile', 'cert', 'key'].map(async (name) => {
      const path = given.value(name)
      return path === undefined ? undefined : String(await readInput(path))
    }),
  )
  if ((ca ?? cert ?? key) === undefined && !isInsecure) return undefined
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    rejectUnauthorized: !isInsecure,
  }
}

/** A file that was named on the command line. */
export async function readInput(path: string): Promise<Uint8Array> {
  return await readFile(path).catch(() => {
    throw new MessageUsageError(`Unable to open file "${path}".`)
  })
}

function readVersion(text: string | undefined): 'auto' | 5 | 4 {
  if (text === undefined) return 'auto'
  if (text === '5' || text === 'mqttv5') return 5
  if (text === '311' || text === 'mqttv311') return 4
  throw new MessageUsageError('Invalid protocol version argument given.')
}

export function readQoS(given: GivenOptions): 0 | 1 | 2 {
  const text = given.value('qos') ?? '0'
  if (text !== '0' && text !== '1' && text !== '2') {
    throw new MessageUsageError(`Invalid QoS given: ${text}`)
  }
  return Number(text) as 0 | 1 | 2
}

export function number(text: string, least: number, most: number, name: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new MessageUsageError(`Invalid ${name} "${text}".`)
}
