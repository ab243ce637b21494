import { type Stats, statfsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * File systems that change a file's time when it is written to, and never later: those of Linux's own
 * disks, and memory. Others may do it when they like.
 */
const exactTypes = new Set([
  0xef53, // ext4
  0x58465342, // xfs
  0x9123683e, // btrfs
  0xf2f52010, // f2fs
  0x2fc12fc1, // zfs
  0x01021994, // tmpfs
])

interface Known {
  readonly file: string
  before: Stats | undefined
}

/**
 * Notices what somebody else does to files that are open here: what is removed or replaced is lost
 * with the process, although every write and sync to it succeeds. It looks at names only; opening a
 * file and closing it would take away the locks that this process has on it.
 */
export class FileWatch {
  readonly #files: readonly Known[]
  readonly #isExact: boolean

  constructor(files: readonly string[]) {
    this.#files = files.map((file) => ({ file, before: look(file) }))
    const folder = dirname(files[0] ?? '.')
    this.#isExact = process.platform === 'linux' && exactTypes.has(statfsSync(folder).type)
  }

  /** Throws when something has happened since the last `accept`. To be called before own writes. */
  expectUntouched(): void {
    for (const { file, before } of this.#files) {
      const now = look(file)
      expectSame(file, before, now)
      if (now === undefined || before === undefined) continue
      if (now.size < before.size) throw disturbed(file, 'shortened')
      if (this.#isExact && now.mtimeMs !== before.mtimeMs) throw disturbed(file, 'written to')
    }
  }

  /** Takes the files as they are now, after own writes; throws when they are not the same files. */
  accept(): void {
    for (const known of this.#files) {
      const now = look(known.file)
      expectSame(known.file, known.before, now)
      known.before = now
    }
  }
}

const look = (file: string) => statSync(file, { throwIfNoEntry: false })

function expectSame(file: string, before: Stats | undefined, now: Stats | undefined): void {
  if (before === undefined || (now?.ino === before.ino && now.dev === before.dev)) return
  throw disturbed(file, now === undefined ? 'removed' : 'replaced')
}

function disturbed(file: string, how: string): Error {
  return new Error(
    `${file} was ${how} by something else while it was in use. Find out by what. \`busbar store check\` says whether it is sound; if not, \`busbar restore FILE\` puts a backup in its place. Then start the broker again`,
  )
}
