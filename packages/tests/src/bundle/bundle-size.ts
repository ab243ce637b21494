import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { bundleForBrowser } from './bundle.ts'

// Prints what connect, publish and subscribe cost a page, and fails when it is more than it was.
const most = 21_750
const aim = 15_000

const folder = dirname(fileURLToPath(import.meta.url))
const packages = join(folder, '..', '..', '..')

const options = { isMinified: true, isSplit: true }
const { code, modules, later } = await bundleForBrowser(join(folder, 'page.ts'), options)
const foreign = [...modules.keys()].filter(
  (path) => !/^(client|protocol|tests)\//.test(named(path)),
)
const bytes = gzipSync(code, { level: 9 }).length

const largest = [...modules].sort(([, a], [, b]) => b - a)
for (const [path, length] of largest.slice(0, 20)) {
  console.log(`${String(length).padStart(8)}  ${named(path)}`)
}
console.log(`${String(code.length).padStart(8)}  all of it, minified`)
console.log(`${String(bytes).padStart(8)}  with gzip; at most ${most}, to be ${aim}`)
console.log(`not loaded before they are used: ${later.join(', ')}`)
if (foreign.length > 0) fail(`neither of the client nor of the protocol: ${foreign.join(', ')}`)
if (/\bfrom\s*["']node:|\bBuffer\b/.test(code)) fail('there is code for Node in it')
if (bytes > most) fail(`${bytes - most} bytes too many`)

function named(path: string): string {
  return relative(packages, path)
}

function fail(reason: string): void {
  console.error(reason)
  process.exitCode = 1
}
