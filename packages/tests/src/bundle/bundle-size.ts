import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { measuredBundle } from './bundle.ts'

// Prints what connect, publish and subscribe cost a page, and fails when it is more than it was: what is
// there before the first message, and that with what a page loads behind the first CONNACK.
const most = 14_950
const mostConnected = 22_320

const folder = dirname(fileURLToPath(import.meta.url))
const packages = join(folder, '..', '..', '..')

const page = join(folder, 'page.ts')
const { code, modules, later } = await measuredBundle(page, () => false)
const connected = await measuredBundle(page, (part) => part.endsWith('/upkeep.ts'))
const whole = await measuredBundle(page, () => true)
const foreign = [...modules.keys()].filter(
  (path) => !/^(client|protocol|tests)\//.test(named(path)),
)
const bytes = zipped(code)
const connectedBytes = zipped(connected.code)

const largest = [...modules].sort(([, a], [, b]) => b - a)
for (const [path, length] of largest.slice(0, 20)) {
  console.log(`${String(length).padStart(8)}  ${named(path)}`)
}
console.log(`${String(code.length).padStart(8)}  all of it, minified`)
console.log(`${String(bytes).padStart(8)}  with gzip; at most ${most}`)
console.log(
  `${String(connectedBytes).padStart(8)}  with what follows CONNACK; at most ${mostConnected}`,
)
console.log(`${String(zipped(whole.code)).padStart(8)}  with all parts in one file`)
console.log(`not loaded before they are used: ${connected.later.join(', ')}`)
if (foreign.length > 0) fail(`neither of the client nor of the protocol: ${foreign.join(', ')}`)
if (/\bfrom\s*["']node:|\bBuffer\b/.test(code)) fail('there is code for Node in it')
if (later.length - connected.later.length !== 1) fail('what follows CONNACK is not there')
if (bytes > most) fail(`${bytes - most} bytes too many`)
if (connectedBytes > mostConnected)
  fail(`${connectedBytes - mostConnected} bytes too many, connected`)

function named(path: string): string {
  return relative(packages, path)
}

function zipped(text: string): number {
  return gzipSync(text, { level: 9 }).length
}

function fail(reason: string): void {
  console.error(reason)
  process.exitCode = 1
}
