import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { ConfigError, type ConfigProblem } from '../config-error.ts'
import { readFailure } from '../config-file.ts'
import { hashPassword, type Password, parseVerifier } from './password-verifier.ts'
import { preparedName } from './sasl-prep.ts'
import { deriveScramCredentials, minimumScramIterations, type ScramCredentials } from './scram.ts'
import type { User } from './users.ts'

/** One line of a password file. */
export interface PasswordEntry {
  readonly name: string
  readonly groups: readonly string[]
  /** `$scrypt$…`, or Mosquitto's `$6$…` and `$7$…`. */
  readonly password: string
  /** `SCRAM-SHA-256$ITERATIONS:SALT$STORED_KEY:SERVER_KEY`; left out where it is not wanted. */
  readonly scram?: string | undefined
}

/** Longest line, and largest file: a limit on what is taken into memory by mistake. */
const maximumFileBytes = 268_435_456

const text = z.string().refine((value) => value !== '' && Buffer.byteLength(value) <= 65_535)
const name = text.refine((value) => value.isWellFormed() && !value.includes('\0'))

const entrySchema = z.strictObject({
  name,
  groups: z.array(name).max(1_000).default([]),
  password: z.string().max(4_096),
  scram: z.string().max(4_096).optional(),
})

const allowed =
  'a line is {"name":"…","groups":[…],"password":"$scrypt$…","scram":"SCRAM-SHA-256$…"}, as `busbar user add` writes it'

/** An entry with where it stands and what it makes. */
export interface ParsedEntry {
  readonly entry: PasswordEntry
  readonly line: string
  readonly user: User
}

/** Reads a password file. Throws `ConfigError` with everything that is wrong in it. */
export async function readPasswordFile(path: string): Promise<ParsedEntry[]> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const remedy = error.code === 'ENOENT' ? '; `busbar user add` makes it' : ''
    throw fileError(path, `cannot be read: ${readFailure(error)}${remedy}`)
  })
  if (bytes.length > maximumFileBytes) throw fileError(path, 'is larger than 256 MiB')
  try {
    const decoded = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return parsePasswordFile(decoded, path)
  } catch (error) {
    if (error instanceof ConfigError) throw error
    throw fileError(path, 'is not UTF-8 text')
  }
}

function fileError(place: string, problem: string): ConfigError {
  return new ConfigError([{ place, path: '', text: problem }])
}

/** At most so many problems are told of one file. */
const problemsTold = 20

/** The users of a password file: one JSON object a line, and nothing else. Throws `ConfigError`. */
export function parsePasswordFile(content: string, path: string): ParsedEntry[] {
  if (content.trim() === '') {
    throw fileError(
      path,
      'has no users, so nobody could connect; add one with `busbar user add NAME`',
    )
  }
  const lines = content.split('\n')
  const problems: ConfigProblem[] = []
  // A file that was cut off is not taken for a shorter one.
  if (lines.pop() !== '') problems.push(problem(path, lines.length + 1, 'has no end of line'))
  const seen = new Map<string, number>()
  const parsed = lines.flatMap((line, index) => {
    const found = parseEntry(line)
    const fault = typeof found === 'string' ? found : repeated(found, seen, index)
    if (fault !== undefined) problems.push(problem(path, index + 1, fault))
    return typeof found === 'string' ? [] : [found]
  })
  if (problems.length > 0) throw new ConfigError(problems.slice(0, problemsTold))
  return parsed
}

function problem(path: string, line: number, fault: string): ConfigProblem {
  return { place: `${path}:${line}`, path: '', text: fault }
}

function repeated(
  { user }: ParsedEntry,
  seen: Map<string, number>,
  index: number,
): string | undefined {
  const first = seen.get(user.name)
  seen.set(user.name, first ?? index + 1)
  if (first === undefined) return undefined
  return `has the user ${JSON.stringify(user.name)} of line ${first} again; remove one of the two`
}

/** Gives what is wrong with a line instead. Nothing of the line is repeated: it may be a password. */
function parseEntry(line: string): ParsedEntry | string {
  if (line.trim() === '') return 'is empty; remove it'
  const result = entrySchema.safeParse(parseJson(line))
  if (!result.success) return `is not a user; ${allowed}`
  const entry = result.data
  const user = userOf(entry)
  return typeof user === 'string' ? user : { entry, line, user }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** The user that an entry is about; what is wrong with the entry instead. */
export function userOf(entry: PasswordEntry): User | string {
  const verifier = parseVerifier(entry.password)
  if (verifier === undefined) {
    return 'has a password that is not $scrypt$, $6$ or $7$; `busbar user passwd` sets a new one'
  }
  const scram = entry.scram === undefined ? undefined : parseScram(entry.scram)
  if (entry.scram !== undefined && scram === undefined) {
    return 'has SCRAM keys that cannot be read; `busbar user passwd` makes new ones'
  }
  return { name: preparedName(entry.name), groups: entry.groups, verifier, scram }
}

export function formatEntry({ name, groups, password, scram }: PasswordEntry): string {
  return `${JSON.stringify({ name, groups, password, scram })}\n`
}

/** RFC 7677 asks for more iterations than the minimum where the clients can bear them. */
const usualIterations = 10_000
const saltBytes = 16

/** What is kept of a password. Throws RangeError for one that SASLprep prohibits. */
export async function makeEntry(
  about: { readonly name: string; readonly groups: readonly string[] },
  password: Password,
  isScryptOnly: boolean,
): Promise<PasswordEntry> {
  const hashed = { ...about, password: await hashPassword(password) }
  if (isScryptOnly) return hashed
  const salt = randomBytes(saltBytes)
  const keys = await deriveScramCredentials(password.text, { salt, iterations: usualIterations })
  return { ...hashed, scram: formatScram(keys) }
}

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

function formatScram({ salt, iterations, storedKey, serverKey }: ScramCredentials): string {
  const [saltText, stored, server] = [salt, storedKey, serverKey].map(base64)
  return `SCRAM-SHA-256$${iterations}:${saltText}$${stored}:${server}`
}

const scramForm =
  /^SCRAM-SHA-256\$(?<iterations>\d{1,8}):(?<salt>[A-Za-z0-9+/]{4,1024}={0,2})\$(?<stored>[A-Za-z0-9+/]{43}=):(?<server>[A-Za-z0-9+/]{43}=)$/

function parseScram(written: string): ScramCredentials | undefined {
  const { iterations, salt, stored, server } = scramForm.exec(written)?.groups ?? {}
  if (salt === undefined || stored === undefined || server === undefined) return undefined
  const count = Number(iterations)
  if (count < minimumScramIterations || count > 10_000_000) return undefined
  const bytes = (coded: string) => new Uint8Array(Buffer.from(coded, 'base64'))
  return {
    salt: bytes(salt),
    iterations: count,
    storedKey: bytes(stored),
    serverKey: bytes(server),
  }
}
