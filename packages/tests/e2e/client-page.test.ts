import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as client from '@busbar/client'
import { root, startBusbar } from '../src/busbar.ts'
import { run } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const page = await readFile(join(root, 'docs', 'client.md'), 'utf8')
const programs = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = '']) => source)

test('every program in docs/client.md runs as it is, and prints what it says', async () => {
  assert.ok(programs.length >= 4)
  await using broker = await startBusbar()
  for (const source of programs) {
    assert.ok(source.includes('mqtt://127.0.0.1:1883'))
    await using folder = await temporaryFolder()
    const here = `process.chdir(${JSON.stringify(folder.path)})\n`
    const program = here + source.replaceAll('mqtt://127.0.0.1:1883', broker.tcp)
    const args = ['-C', '@busbar/source', '--input-type=module-typescript', '-e', program]
    // Modules are found from where the tests are.
    const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root })
    assert.equal(code, 0, stderr)
    const promised = [...source.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text]) => text)
    assert.equal(stdout.trim(), promised.join('\n'))
  }
})

test('docs/client.md names every export', () => {
  const [, table = ''] = page.split('## The exports')
  const missing = Object.keys(client).filter((name) => !new RegExp(`\`${name}\\b`).test(table))
  assert.deepEqual(missing, [])
})
