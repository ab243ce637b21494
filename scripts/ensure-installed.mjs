// Installs what the lock file names when that has not been done yet. Runs on Node 18 and later.
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

if (modified('node_modules/.package-lock.json') < modified('package-lock.json')) {
  console.log('Installing what package-lock.json names (npm ci) …')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const { status } = spawnSync(npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status !== 0) process.exit(status ?? 1)
}

/** Milliseconds since the epoch, or 0 when there is no such file. */
function modified(path) {
  try {
    return statSync(join(root, path)).mtimeMs
  } catch {
    return 0
  }
}
