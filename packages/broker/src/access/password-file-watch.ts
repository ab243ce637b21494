import { stat } from 'node:fs/promises'
import { fileVersion } from '../file-version.ts'
import type { Log } from '../log.ts'
import { readPasswordFile } from './password-file.ts'
import type { User } from './users.ts'

/** How often the file is looked at. */
const lookMs = 2_000

/** A password file in use: read again when it has changed, and kept as it was when that is no use. */
export class PasswordFileWatch implements Disposable {
  readonly #path: string
  readonly #log: Log
  readonly #changed: (users: readonly User[], changedNames: ReadonlySet<string>) => void
  #lines: ReadonlyMap<string, { readonly line: string; readonly user: User }> = new Map()
  #seen: string | undefined
  #looking: NodeJS.Timeout | undefined
  #hasFailed = false
  #checked: Promise<void> = Promise.resolve()

  constructor(
    path: string,
    log: Log,
    changed: (users: readonly User[], changedNames: ReadonlySet<string>) => void,
  ) {
    this.#path = path
    this.#log = log
    this.#changed = changed
  }

  /** Reads it for the first time. Throws `ConfigError`. */
  async open(): Promise<readonly User[]> {
    this.#seen = await fileVersion(this.#path)
    const { users } = await this.#read()
    await this.#warnIfReadable()
    return users
  }

  start(): void {
    this.#looking = setInterval(() => void this.check(), lookMs).unref()
  }

  /** The lines in force by the names of their users. */
  records(): ReadonlyMap<string, string> {
    return new Map([...this.#lines].map(([name, { line }]) => [name, line]))
  }

  [Symbol.dispose](): void {
    clearInterval(this.#looking)
  }

  /** Takes up what has changed. A file that cannot be used changes nothing, and raises an alarm. */
  check(): Promise<void> {
    // One after the other, so that what was read first is not taken up last.
    this.#checked = this.#checked.then(() => this.#check())
    return this.#checked
  }

  async #check(): Promise<void> {
    const seen = await fileVersion(this.#path)
    if (seen === this.#seen) return
    this.#seen = seen
    try {
      const { users, changedNames } = await this.#read()
      this.#changed(users, changedNames)
      const event = this.#hasFailed ? 'the password file is in order again' : 'password file read'
      this.#log.info(event, { file: this.#path, users: users.length, changed: changedNames.size })
      this.#hasFailed = false
    } catch (error) {
      this.#hasFailed = true
      const reason = error instanceof Error ? error.message : String(error)
      this.#log.error('the password file cannot be used, the users stay as they were', {
        file: this.#path,
        reason,
      })
    }
  }

  /** A user whose line is as it was stays the same object. */
  async #read(): Promise<{ users: readonly User[]; changedNames: ReadonlySet<string> }> {
    const entries = await readPasswordFile(this.#path)
    const earlier = this.#lines
    const kept = entries.map(({ line, user }) => {
      const known = earlier.get(user.name)
      return known?.line === line ? known : { line, user }
    })
    this.#lines = new Map(kept.map((each) => [each.user.name, each]))
    const changed = [...earlier].filter(([name, each]) => this.#lines.get(name) !== each)
    return {
      users: kept.map(({ user }) => user),
      changedNames: new Set(changed.map(([name]) => name)),
    }
  }

  async #warnIfReadable(): Promise<void> {
    const { mode } = await stat(this.#path)
    if ((mode & 0o077) === 0) return
    this.#log.warn('other users of this machine can read the password file', { file: this.#path })
  }
}
