#!/usr/bin/env node
// Plain ES2020 on purpose: it has to start, and say what is missing, on any Node.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const source = join(folder, '..', 'src', 'main.ts')
const major = Number(process.versions.node.split('.')[0])

if (existsSync(source)) runFromSource()
else if (major < 24) {
  console.error(`busbar needs Node.js 24 or later; this is ${process.version}.`)
  process.exitCode = 1
} else await import('../dist/main.js')

/** In a clone nothing is built: the runtime that npm installed runs the sources. */
function runFromSource() {
  const pinned = join(folder, '..', '..', '..', 'node_modules', '.bin', 'node')
  const runtime = existsSync(pinned) ? pinned : process.execPath
  const child = spawn(runtime, ['-C', '@busbar/source', source, ...process.argv.slice(2)], {
    stdio: 'inherit',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    console.error(`busbar could not start ${runtime}: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code === null ? 128 + (signal === 'SIGKILL' ? 9 : 15) : code
  })
}
