import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

// What the compiler says, word by word: a message that does not name what is wrong is a defect.
const folder = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'type-tests')
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
)

/** What is said about each file. */
function compile(): Map<string, string> {
  const { stdout, stderr, error } = spawnSync(
    process.execPath,
    [compiler, '-p', join(folder, 'tsconfig.json'), '--pretty', 'true'],
    { encoding: 'utf8', cwd: folder },
  )
  assert.equal(error, undefined)
  assert.equal(stderr, '')
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is how the compiler colours
  const plain = stdout.replace(/\u001b\[[0-9;]*m/g, '')
  const said = new Map<string, string>()
  for (const part of plain.split(/^(?=\S+\.ts:\d+:\d+ - error )/m)) {
    const file = /^(\S+\.ts):\d+:\d+ - error /.exec(part)?.[1]
    if (file !== undefined) said.set(file, (said.get(file) ?? '') + part)
  }
  return said
}

const said = compile()

test('right programs compile', () => {
  const wrong = [...said].filter(([file]) => file.startsWith('right/'))
  assert.deepEqual(wrong, [])
})

for (const file of readdirSync(join(folder, 'wrong'))) {
  test(`${file} does not compile, and is told why`, () => {
    const source = readFileSync(join(folder, 'wrong', file), 'utf8')
    const expected = [...source.matchAll(/^\/\/ expect: (.+)$/gm)].map(([, text]) => text as string)
    assert.ok(expected.length > 0)
    const message = said.get(`wrong/${file}`) ?? 'nothing: it compiles'
    for (const text of expected) assert.ok(message.includes(text), `${text}\nnot in\n${message}`)
  })
}
