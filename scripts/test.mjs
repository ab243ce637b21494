// Everything a change must pass, in order of cost. `npm test -- NAME…` runs only the steps named.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = ['-C', '@busbar/source']

// What hangs has failed, however slow the machine is.
const patience = '--test-timeout=600000'
const stepPatienceMs = 3_600_000

const steps = [
  ['types', 'npx', ['tsc', '-b', 'tsconfig.json', 'tsconfig.test.json']],
  ['lint', 'npx', ['biome', 'check', '--error-on-warnings', '.']],
  ['dead exports', 'npx', ['knip']],
  ['packages', 'node', ['scripts/check-packages.mjs']],
  ['unit', 'npm', ['run', '--silent', 'test:unit']],
  ['slow', 'node', [...source, '--test', patience, 'packages/*/src/**/*.slow-test.ts']],
  ['bundle size', 'node', [...source, 'packages/tests/src/bundle/bundle-size.ts']],
  ['generated pages', 'node', [...source, 'scripts/docs.mjs', '--check']],
  ['fuzz', 'node', [...source, 'packages/protocol/fuzz/fuzz.ts', '--inputs', '1000000']],
  [
    'simulation',
    'node',
    [...source, 'packages/tests/src/simulation/simulate.ts', '--seeds', '300'],
  ],
  [
    'end to end',
    'node',
    [...source, '--test', '--test-concurrency=1', patience, 'packages/tests/e2e/*.test.ts'],
  ],
  ['conformance', 'node', [...source, 'packages/tests/src/conformance-report.ts', '--check']],
  ['back ends', 'node', [...source, 'packages/tests/src/back-ends.ts']],
]

const named = process.argv.slice(2)
const unknown = named.filter((name) => !steps.some(([step]) => step === name))
if (unknown.length > 0) {
  console.error(
    `no such step: ${unknown.join(', ')}; there are ${steps.map(([step]) => step).join(', ')}`,
  )
  process.exit(2)
}

const failed = []
for (const [name, command, parameters] of steps) {
  if (named.length > 0 && !named.includes(name)) continue
  console.log(`\n== ${name}`)
  const startedAt = performance.now()
  const status = await run(command, parameters)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
  console.log(`== ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`)
  if (status !== 0) failed.push(name)
}
if (failed.length > 0) {
  console.error(`\nfailed: ${failed.join(', ')}`)
  process.exit(1)
}

/** Resolves with the exit code. Whoever ends this process ends the step with it. */
function run(command, parameters) {
  const isWindows = process.platform === 'win32'
  const child = spawn(command, parameters, {
    cwd: root,
    stdio: 'inherit',
    shell: isWindows,
    // A group of its own: npm does not pass on what it is sent.
    detached: !isWindows,
  })
  const forward = (signal) => {
    if (isWindows) child.kill(signal)
    else process.kill(-child.pid, signal)
    child.once('close', () => process.exit(128 + constants.signals[signal]))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.once(signal, forward)
  const late = setTimeout(() => forward('SIGTERM'), stepPatienceMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(late)
      for (const signal of signals) process.off(signal, forward)
      resolve(code)
    })
  })
}
