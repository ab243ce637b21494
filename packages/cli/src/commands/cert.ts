import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CertificateError,
  createAuthority,
  issueCertificate,
  type KeyPair,
  revokeCertificate,
} from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { type Output, UsageError } from '../output.ts'

const defaultDays = { ca: 3_650, server: 397, client: 397, revoke: 3_650 } as const

export const certCommand: Command = {
  name: 'cert',
  usage: [
    'cert ca [NAME] [--dir DIR] [--days N]',
    'cert server [HOST...] [--out NAME] [--dir DIR] [--days N]',
    'cert client NAME [--out NAME] [--dir DIR] [--days N]',
    'cert revoke FILE [--dir DIR] [--days N]',
  ],
  flags: {
    dir: { value: 'DIR', description: 'Where the authority is, and files are made (default .).' },
    out: { value: 'NAME', description: 'Make NAME.crt and NAME.key (default server, or NAME).' },
    days: { value: 'N', description: 'Valid for so long (3650 for an authority, otherwise 397).' },
    force: { description: 'Replace files that are there.' },
  },
  notes: [
    '`ca` makes ca.crt and ca.key, with which the others are signed: keep ca.key to yourself.',
    '`server` is for localhost and loopback addresses when no HOST is named. `client` is the name that',
    'the broker knows the client by. `revoke` adds a certificate to ca.crl: then `busbar reload`.',
    'Keys are ECDSA on P-256; only their owner may read them.',
  ],
  run,
}

type Action = keyof typeof defaultDays

async function run(given: Arguments, { say }: Output): Promise<number> {
  const [action = '', ...names] = given.positionals
  if (!Object.hasOwn(defaultDays, action)) {
    const instead = action === '' ? '' : `, and no ${action}`
    throw new UsageError(`busbar cert has the actions ca, server, client and revoke${instead}`)
  }
  const settings = readSettings(action as Action, given)
  const work = { ca: makeAuthority, server: makeServer, client: makeClient, revoke }
  work[action as Action](names, settings, say)
  return 0
}

interface Settings {
  readonly folder: string
  readonly days: number
  readonly now: Date
  readonly out: string | undefined
  readonly isForced: boolean
}

function readSettings(action: Action, given: Arguments): Settings {
  const days = given.value('days') ?? String(defaultDays[action])
  if (!/^[1-9]\d{0,4}$/.test(days)) throw new UsageError('--days is a whole number from 1 to 99999')
  const out = given.value('out')
  if (out !== undefined) checkFileName(out)
  return {
    folder: given.value('dir') ?? '.',
    days: Number(days),
    now: new Date(),
    out,
    isForced: given.has('force'),
  }
}

type Say = Output['say']

function makeAuthority(names: readonly string[], settings: Settings, say: Say): void {
  const [commonName = 'Busbar lab', surplus] = names
  if (surplus !== undefined) throw new UsageError(`busbar cert ca takes no ${surplus}`)
  write(settings, 'ca', createAuthority({ commonName, ...settings }))
  say(
    `made ${join(settings.folder, 'ca.crt')}, for clients and servers, and ca.key: keep it secret`,
  )
}

const loopback = ['localhost', '127.0.0.1', '::1']

function makeServer(names: readonly string[], settings: Settings, say: Say): void {
  const hosts = names.length === 0 ? loopback : names
  for (const host of hosts) {
    if (!/^(\*\.)?[\w-]+(\.[\w-]+)*$|:/.test(host)) throw new UsageError(`${host} is no host name`)
  }
  const [commonName = 'localhost'] = hosts
  const name = settings.out ?? 'server'
  const options = { usage: 'server', commonName, hosts, ...settings } as const
  write(settings, name, issueCertificate(readAuthority(settings.folder), options))
  const at = (file: string) => JSON.stringify(join(settings.folder, file))
  say(
    [
      `made ${name}.crt and ${name}.key for ${hosts.join(', ')}; in the configuration file:`,
      'listeners:',
      '  - kind: tcp',
      '    port: 8883',
      `    tls: { certificate: ${at(`${name}.crt`)}, key: ${at(`${name}.key`)} }`,
    ].join('\n'),
  )
}

function makeClient(names: readonly string[], settings: Settings, say: Say): void {
  const [commonName, surplus] = names
  if (commonName === undefined) throw new UsageError('busbar cert client needs NAME')
  if (surplus !== undefined) throw new UsageError(`busbar cert client takes no ${surplus}`)
  const name = settings.out ?? commonName
  checkFileName(name)
  const options = { usage: 'client', commonName, ...settings } as const
  write(settings, name, issueCertificate(readAuthority(settings.folder), options))
  const ca = JSON.stringify(join(settings.folder, 'ca.crt'))
  say(
    [
      `made ${name}.crt and ${name}.key; with tls of the listener:`,
      `    clientCertificate: require`,
      `    ca: ${ca}`,
    ].join('\n'),
  )
}

function revoke(names: readonly string[], settings: Settings, say: Say): void {
  const [file, surplus] = names
  if (file === undefined) throw new UsageError('busbar cert revoke needs FILE')
  if (surplus !== undefined) throw new UsageError(`busbar cert revoke takes no ${surplus}`)
  const list = join(settings.folder, 'ca.crl')
  const previous = existsSync(list) ? { previous: readText(list) } : {}
  const certificate = readText(file)
  const authority = readAuthority(settings.folder)
  writeFileSync(list, revokeCertificate(authority, certificate, { ...settings, ...previous }))
  say(`${file} is revoked in ${list}: name it as crl beside ca, and \`busbar reload\``)
}

/** It becomes a file in the folder, and no other one. */
function checkFileName(name: string): void {
  if (/^[\w@][\w.@ -]*$/.test(name) && !/^ca$/i.test(name)) return
  throw new UsageError(`${JSON.stringify(name)} cannot name a file here: add --out NAME`)
}

function readAuthority(folder: string): KeyPair {
  const [certificate, key] = [join(folder, 'ca.crt'), join(folder, 'ca.key')]
  if (!existsSync(certificate) || !existsSync(key)) {
    throw new CertificateError(`There is no authority in ${folder}: \`busbar cert ca\` makes one`)
  }
  return { certificate: readText(certificate), key: readText(key) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new CertificateError(`${file} cannot be read: ${(error as Error).message}`)
  }
}

function write({ folder, isForced }: Settings, name: string, { certificate, key }: KeyPair): void {
  const files = [
    [join(folder, `${name}.key`), key, 0o600],
    [join(folder, `${name}.crt`), certificate, 0o644],
  ] as const
  const found = files.find(([file]) => existsSync(file))
  if (found !== undefined && !isForced) {
    throw new CertificateError(`${found[0]} is there already: name another with --out, or --force`)
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // Never written through a file that others may read.
  for (const [file, text, mode] of files) {
    rmSync(file, { force: true })
    writeFileSync(file, text, { mode, flag: 'wx' })
  }
}
