#!/usr/bin/env node
// Plain ES2020 on purpose: it has to start, and say what is missing, on any Node.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = dirname(fileURLToPath(import.meta.url))
const source = join(folder, '..', 'src', 'main.ts')
const modules = join(folder, '..', '..', '..', 'node_modules')
const pinned = join(modules, '.bin', 'node')
const isClone = existsSync(source)
const isOld = Number(process.versions.node.split('.')[0]) < 24

if (isClone && existsSync(pinned)) runFromSource(pinned)
else if (isOld) fail(`busbar needs Node.js 24 or later; this is ${process.version}.`)
else if (isClone) runFromSource(process.execPath)
else {
  whenOrphaned(() => process.kill(process.pid, 'SIGTERM'))
  import('../dist/main.js').catch((error) => fail(error.stack))
}

/** In a clone nothing is built: the runtime that npm installed runs the sources. */
function runFromSource(runtime) {
  const { NODE_OPTIONS: options = '' } = process.env
  // What a broker makes is gone at the end of the turn or stays as long as a connection: a larger
  // young generation would only be memory that a storm of connections leaves behind.
  const heap = options.includes('semi-space') ? [] : ['--max-semi-space-size=8']
  const args = [...heap, '-C', '@busbar/source', source, ...process.argv.slice(2)]
  const child = spawn(runtime, args, {
    // What TypeScript was stripped to is kept: the compiler for that takes 25 MB and a moment.
    env: { NODE_COMPILE_CACHE: join(modules, '.cache', 'busbar'), ...process.env },
    // The channel breaks when this process is killed, and then the child ends as well.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    // A group of its own, lest Ctrl-C reach it twice: from the terminal and from here.
    detached: process.platform !== 'win32',
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  whenOrphaned(() => child.kill('SIGTERM'))
  child.on('error', (error) => fail(`busbar could not start ${runtime}: ${error.message}`))
  child.on('exit', (code, signal) => {
    process.exitCode = code === null ? 128 + constants.signals[signal] : code
  })
}

/** npm passes a signal to the shell in between only, which ends and tells nobody. */
function whenOrphaned(stop) {
  if (process.env.npm_command === undefined) return
  const parent = process.ppid
  const watching = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watching)
    stop()
  }, 100)
  watching.unref()
}

function fail(message) {
  console.error(message)
  process.exitCode = 1
}
