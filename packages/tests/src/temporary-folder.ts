import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atExit } from './at-exit.ts'

/** A folder that is gone, with everything in it, when it is disposed of or the process ends. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'busbar-test-'))
  // A process that is about to end may still write there.
  const options = { recursive: true, force: true, maxRetries: 10 }
  const forget = atExit(() => rmSync(path, options))
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await rm(path, options)
      forget()
    },
  }
}
