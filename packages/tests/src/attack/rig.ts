import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConfigInput, formatEntry, type PasswordEntry } from '@busbar/broker'
import { eventually, pause } from '../deadline.ts'
import { freePort } from '../free-port.ts'
import { Program } from '../program.ts'
import { RawClient } from '../raw-client.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { passwordFile, startOwnBroker, userEntry } from './own-broker.ts'

/** Who may do what with a topic; what is forbidden comes before what is allowed. */
export interface Grant {
  /** Everybody when left out. */
  readonly user?: string
  readonly access: keyof typeof busbarRules
  /** May have `%c` and `%u` in it. */
  readonly topic: string
}

/** What a case needs to be configured, in words that brokers share. */
export interface Setup {
  /** Their passwords are `passwordOf` their names; with none of them, everybody may connect. */
  readonly users: readonly string[]
  readonly grants: readonly Grant[]
}

/** A broker with the users and rules of one case. */
export interface Trial extends AsyncDisposable {
  readonly tcp: string
  /** Puts other rules in force. */
  replace(grants: readonly Grant[]): Promise<void>
  /** The lines in its log about what it denied, of a broker whose log is known. */
  readonly denials?: (pattern: RegExp) => readonly string[]
}

/** How to start one kind of broker for a case. */
export interface Rig {
  start(setup: Setup): Promise<Trial>
}

export const everything: Grant = { access: 'readwrite', topic: '#' }

export function passwordOf(user: string): string {
  return `password of ${user}`
}

const busbarRules = {
  read: { allow: ['subscribe'] },
  write: { allow: ['publish'] },
  readwrite: { allow: ['publish', 'subscribe'] },
  'no write': { deny: ['publish'] },
  'no subscribe': { deny: ['subscribe'] },
  'no receive': { deny: ['receive'] },
} as const

function rulesOf(grants: readonly Grant[]) {
  return grants.map(({ user, access, topic }) => ({
    ...busbarRules[access],
    ...(user !== undefined && { users: [user] }),
    topics: [topic],
  }))
}

/** A user's password takes a while to be hashed. */
const entries = new Map<string, Promise<PasswordEntry>>()

function entryOf(user: string): Promise<PasswordEntry> {
  const known = entries.get(user) ?? userEntry(user, passwordOf(user))
  entries.set(user, known)
  return known
}

export const busbarRig: Rig = {
  async start({ users, grants }) {
    const lines = await Promise.all(users.map(async (user) => formatEntry(await entryOf(user))))
    const inputOf = (rules: readonly Grant[]): ConfigInput => ({
      store: { engine: 'memory' },
      // A CONNECT that waits for a worker on a busy machine is not to be taken for a slow one.
      limits: { connectTimeoutSeconds: 120 },
      ...(users.length > 0 && { auth: { passwordFile } }),
      access: { rules: rulesOf(rules) },
    })
    const broker = await startOwnBroker(inputOf(grants), { [passwordFile]: lines.join('') })
    const { program, folder } = broker
    return {
      tcp: broker.tcp,
      async replace(rules) {
        const count = () => program.output.split('configuration reloaded').length
        const before = count()
        await writeFile(join(folder, 'busbar.yaml'), JSON.stringify(inputOf(rules)))
        program.kill('SIGHUP')
        await eventually(() => count() > before, 'other rules to be in force')
      },
      denials: (pattern) =>
        program.stderr
          .split('\n')
          .filter((line) => line.includes(' denied ') && pattern.test(line)),
      [Symbol.asyncDispose]: () => broker[Symbol.asyncDispose](),
    }
  },
}

/** How long a broker has for rules that nobody tells it has read. */
const rereadMs = 1_000

/** What a broker other than Busbar is started with. */
interface Given {
  readonly folder: string
  /** In the form of Mosquitto's `password_file` and `acl_file`. */
  readonly passwords: string
  readonly rules: string
  readonly port: number
  readonly isAnonymous: boolean
}

type Command = readonly [command: string, args: readonly string[]]

/**
 * Any broker that takes a file of passwords and a file of rules in the form of Mosquitto's, and reads
 * them again at SIGHUP. `text` names them `{passwords}` and `{rules}`, the port `{port}`, and has
 * `{anonymous}` where it needs to know whether everybody may connect.
 */
export function commandRig(text: string): Rig {
  return fileRig(async ({ passwords, rules, port, isAnonymous }) => {
    const filled = text
      .replaceAll('{passwords}', passwords)
      .replaceAll('{rules}', rules)
      .replaceAll('{port}', String(port))
      .replaceAll('{anonymous}', String(isAnonymous))
    // So that the signal goes to the broker and not to the shell.
    return ['/bin/sh', ['-c', `exec ${filled}`]]
  })
}

/** Mosquitto itself. */
export const mosquittoRig: Rig = fileRig(async (given) => {
  const { folder, passwords, rules, port, isAnonymous } = given
  const settings = [
    `listener ${port} 127.0.0.1`,
    `allow_anonymous ${isAnonymous}`,
    ...(isAnonymous ? [] : [`password_file ${passwords}`]),
    `acl_file ${rules}`,
    'user root', // otherwise it would look for a user who may read the folder
  ]
  const file = join(folder, 'mosquitto.conf')
  await writeFile(file, `${settings.join('\n')}\n`)
  return ['mosquitto', ['-c', file]]
})

function fileRig(commandOf: (given: Given) => Promise<Command>): Rig {
  return {
    start: async ({ users, grants }) => {
      const folder = await temporaryFolder()
      const passwords = join(folder.path, 'passwords')
      const rules = join(folder.path, 'rules')
      await writeFile(passwords, users.map(mosquittoPassword).join(''), { mode: 0o600 })
      await writeFile(rules, mosquittoRules(grants), { mode: 0o600 })
      const port = await freePort()
      const isAnonymous = users.length === 0
      const given = { folder: folder.path, passwords, rules, port, isAnonymous }
      const program = new Program(...(await commandOf(given)))
      const tcp = `mqtt://127.0.0.1:${port}`
      const end = async () => {
        await program[Symbol.asyncDispose]()
        await folder[Symbol.asyncDispose]()
      }
      await accepting(tcp, program).catch(async (error: Error) => {
        await end()
        throw error
      })
      return {
        tcp,
        async replace(others) {
          await writeFile(rules, mosquittoRules(others))
          program.kill('SIGHUP')
          await pause(rereadMs)
        },
        [Symbol.asyncDispose]: end,
      }
    },
  }
}

async function accepting(url: string, program: Program): Promise<void> {
  await eventually(async () => {
    if (program.hasExited) throw new Error(`the broker has ended:\n${program.output}`)
    const client = await RawClient.open(url).catch(() => undefined)
    await client?.[Symbol.asyncDispose]()
    return client !== undefined
  }, 'the broker to listen')
}

/** As `mosquitto_passwd` writes it. */
function mosquittoPassword(user: string): string {
  const salt = randomBytes(12)
  const iterations = 101
  const hash = pbkdf2Sync(passwordOf(user), salt, iterations, 64, 'sha512')
  return `${user}:$7$${iterations}$${salt.toString('base64')}$${hash.toString('base64')}\n`
}

/** What is denied is so for reading and writing there. */
function mosquittoRules(grants: readonly Grant[]): string {
  const lines = grants.map(({ user, access, topic }) => {
    const right = access.startsWith('no ') ? 'deny' : access
    return { user, line: `${user === undefined ? 'pattern' : 'topic'} ${right} ${topic}\n` }
  })
  // A line `user` holds for all that follow; patterns are everybody's.
  const common = lines.filter(({ user }) => user === undefined).map(({ line }) => line)
  const own = lines.filter(({ user }) => user !== undefined)
  return [...common, ...own.map(({ user, line }) => `user ${user}\n${line}`)].join('')
}
