import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that is gone, with everything in it, when it is disposed of. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'busbar-test-'))
  // A process that is about to end may still write there.
  const options = { recursive: true, force: true, maxRetries: 10 }
  return { path, [Symbol.asyncDispose]: () => rm(path, options) }
}
