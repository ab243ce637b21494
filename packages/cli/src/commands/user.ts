import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  editPasswordFile,
  makeEntry,
  type PasswordEntry,
  PasswordFileError,
  parseConfig,
  parseMosquittoPasswords,
  passwordFileName,
  preparedName,
  printable,
  readPassword,
  readPasswordFile,
} from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { columns, type Output, UsageError } from '../output.ts'
import { readNewPassword } from '../secret-input.ts'
import { dataFlags } from './data-folder.ts'
import { readSettings } from './settings.ts'

export const userCommand: Command = {
  name: 'user',
  usage: [
    'user add NAME [--group GROUP]... [--password-stdin] [--scrypt-only]',
    'user passwd NAME [--password-stdin] [--scrypt-only]',
    'user del NAME',
    'user list',
    'user import MOSQUITTO_FILE',
  ],
  flags: {
    ...dataFlags,
    file: {
      value: 'FILE',
      description: 'The password file (default: passwords in the data folder).',
    },
    group: { value: 'GROUP', description: 'Put the new user into this group; may be repeated.' },
    'password-stdin': { description: 'Read the password from standard input, not the terminal.' },
    'scrypt-only': { description: 'Keep nothing for SCRAM-SHA-256, which costs a thief less.' },
  },
  notes: [
    'A broker that runs with the file takes a change up within seconds, and disconnects whoever was',
    'changed or removed. One that was started without any user needs `busbar reload`. Imported users log',
    'in with their passwords; SCRAM-SHA-256 is theirs after the next `busbar user passwd`.',
  ],
  run,
}

type Action = (at: At) => Promise<void>

interface At {
  readonly file: string
  /** What follows the action. */
  readonly subject: string
  readonly given: Arguments
  readonly output: Output
}

const actions: Readonly<Record<string, { readonly subject?: string; readonly run: Action }>> = {
  add: { subject: 'NAME', run: add },
  passwd: { subject: 'NAME', run: changePassword },
  del: { subject: 'NAME', run: remove },
  list: { run: list },
  import: { subject: 'MOSQUITTO_FILE', run: importUsers },
}

async function run(given: Arguments, output: Output): Promise<number> {
  const [name = '', subject, surplus] = given.positionals
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  const words = Object.keys(actions).join(', ')
  if (action === undefined) throw new UsageError(`busbar user does ${words}: busbar user add NAME`)
  const tooMuch = action.subject === undefined ? subject : surplus
  if (tooMuch !== undefined) throw new UsageError(`busbar user ${name} takes no ${tooMuch}`)
  if (action.subject !== undefined && subject === undefined) {
    throw new UsageError(`busbar user ${name} needs ${action.subject}`)
  }
  if (['file', 'data', 'config'].filter((flag) => given.has(flag)).length > 1) {
    throw new UsageError('busbar user takes one of --file, --data and --config, not two')
  }
  if (given.has('group') && name !== 'add') {
    throw new UsageError(`busbar user ${name} takes no --group`)
  }
  await action.run({ file: await passwordFile(given), subject: subject ?? '', given, output })
  return 0
}

/** Where the broker looks for it. */
async function passwordFile(given: Arguments): Promise<string> {
  const [file, folder, path] = [given.value('file'), given.value('data'), given.value('config')]
  if (file !== undefined) return file
  if (folder !== undefined) return join(folder, passwordFileName)
  const { input, source } = await readSettings(path)
  const { auth, store } = parseConfig(input, source)
  return auth.passwordFile ?? join(store.dir, passwordFileName)
}

async function add({ file, subject: name, given, output }: At): Promise<void> {
  checkName(name)
  const groups = given.values('group')
  for (const group of groups) checkName(group)
  // Asked before the password is.
  const refuseKnown = (entries: readonly PasswordEntry[]) => {
    if (indexOf(entries, name) === -1) return
    throw new PasswordFileError(
      `${file} has the user ${shown(name)}; \`busbar user passwd\` changes the password.`,
    )
  }
  refuseKnown(await entriesOf(file))
  const entry = await newEntry({ name, groups }, given)
  await editPasswordFile(file, async (entries) => {
    refuseKnown(entries)
    return [...entries, entry]
  })
  output.say(`added ${shown(name)} to ${file}`)
}

async function changePassword({ file, subject: name, given, output }: At): Promise<void> {
  const known = find(await entriesOf(file), name, file)
  const entry = await newEntry(known, given)
  await editPasswordFile(file, async (entries) => {
    const { groups } = find(entries, name, file)
    return entries.with(indexOf(entries, name), { ...entry, groups })
  })
  output.say(`changed the password of ${shown(name)} in ${file}`)
}

async function remove({ file, subject: name, output }: At): Promise<void> {
  await editPasswordFile(file, async (entries) => {
    find(entries, name, file)
    if (entries.length > 1) return entries.toSpliced(indexOf(entries, name), 1)
    throw new PasswordFileError(
      `${shown(name)} is the last user, and no broker takes a file without users: add another one first, or remove ${file}.`,
    )
  })
  output.say(`removed ${shown(name)} from ${file}`)
}

async function list({ file, output }: At): Promise<void> {
  const rows = (await readPasswordFile(file)).map(({ entry }): [string, string] => {
    const groups =
      entry.groups.length === 0 ? '' : `  groups: ${entry.groups.map(shown).join(', ')}`
    return [shown(entry.name), `${kept(entry)}${groups}`]
  })
  output.say(columns(rows))
}

async function importUsers({ file, subject: from, output }: At): Promise<void> {
  const content = await readFile(from, 'utf8').catch((error: Error) => {
    throw new PasswordFileError(`${from} cannot be read: ${error.message}`)
  })
  const imported = parseMosquittoPasswords(content, from)
  await editPasswordFile(file, async (entries) => {
    const known = imported.filter(({ name }) => indexOf(entries, name) !== -1)
    if (known.length === 0) return [...entries, ...imported]
    const names = known.slice(0, 10).map(({ name }) => shown(name))
    throw new PasswordFileError(
      `${file} has ${names.join(', ')} already; remove them there or in ${from} first.`,
    )
  })
  const count = imported.length === 1 ? 'one user' : `${imported.length} users`
  output.say(`imported ${count} from ${from} to ${file}`)
}

/** What a stranger could learn of the password at which cost, in a word. */
function kept({ password, scram }: PasswordEntry): string {
  const kind = password.startsWith('$scrypt$') ? 'scrypt' : `Mosquitto ${password.slice(0, 3)}`
  return scram === undefined ? kind : `${kind}, SCRAM-SHA-256`
}

async function entriesOf(file: string): Promise<PasswordEntry[]> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw new PasswordFileError(`${file} cannot be read: ${error.message}`)
  })
  if (content.trim() === '') return []
  return (await readPasswordFile(file)).map(({ entry }) => entry)
}

function indexOf(entries: readonly PasswordEntry[], name: string): number {
  return entries.findIndex((entry) => preparedName(entry.name) === preparedName(name))
}

function find(entries: readonly PasswordEntry[], name: string, file: string): PasswordEntry {
  const found = entries[indexOf(entries, name)]
  if (found === undefined) throw new PasswordFileError(`${file} has no user ${shown(name)}.`)
  return found
}

async function newEntry(
  about: { readonly name: string; readonly groups: readonly string[] },
  given: Arguments,
): Promise<PasswordEntry> {
  const text = await readNewPassword(given.has('password-stdin'))
  const password = readPassword(new TextEncoder().encode(text))
  if (password === undefined) {
    throw new UsageError('a password has 1 to 1024 bytes and no control characters')
  }
  const { name, groups } = about
  return await makeEntry({ name, groups }, password, given.has('scrypt-only'))
}

function checkName(name: string): void {
  if (name !== '' && Buffer.byteLength(name) <= 65_535 && !name.includes('\0')) return
  throw new UsageError('a name has 1 to 65535 bytes and no U+0000')
}

const shown = (name: string) => printable(name)
