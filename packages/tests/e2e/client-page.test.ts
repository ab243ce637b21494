import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as client from '@busbar/client'
import { root, startBusbar } from '../src/busbar.ts'
import { run } from '../src/program.ts'
import { temporaryFolder } from '../src/temporary-folder.ts'

const page = await readFile(join(root, 'docs', 'client.md'), 'utf8')
const api = await readFile(join(root, 'docs', 'client-api.md'), 'utf8')

/** The blocks of code that are programs, and not signatures. */
function programsIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, source = '']) => source)
  return blocks.filter((source) => source.startsWith('import '))
}

async function runProgram(source: string, url: string): Promise<void> {
  await using folder = await temporaryFolder()
  const here = `process.chdir(${JSON.stringify(folder.path)})\n`
  const program = here + source.replaceAll('mqtt://127.0.0.1:1883', url)
  const args = ['-C', '@busbar/source', '--input-type=module-typescript', '-e', program]
  // Modules are found from where the examples are.
  const { code, stdout, stderr } = await run(process.execPath, args, {
    cwd: join(root, 'examples'),
  })
  assert.equal(code, 0, `${source}\n${stderr}`)
  const promised = [...source.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map(([, text]) => text)
  assert.equal(stdout.trim(), promised.join('\n'), source)
}

for (const [name, text, count] of [
  ['docs/client.md', page, 6],
  ['docs/client-api.md', api, Object.keys(client).length],
] as const) {
  test(`every program in ${name} runs as it is, and prints what it says`, async () => {
    const programs = programsIn(text)
    assert.ok(programs.length >= count)
    await using broker = await startBusbar()
    for (const source of programs) await runProgram(source, broker.tcp)
  })
}

test('docs/client-api.md has a section for every export', () => {
  const missing = Object.keys(client).filter((name) => !api.includes(`\n## ${name}\n`))
  assert.deepEqual(missing, [])
})
