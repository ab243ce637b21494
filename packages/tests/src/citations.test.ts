import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { statements } from '@busbar/conformance'

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..')
const citation = /\b(?:MQTT[35]|U5)-\d+(?:\.\d+)*-[0-9a-z]+\b/g

test('every statement that is cited is in the list', () => {
  const files = globSync('packages/*/{src,e2e,fuzz}/**/*.ts', { cwd: root })
  assert.ok(files.length > 100)
  const wrong: string[] = []
  let cited = 0
  for (const file of files) {
    for (const [id] of readFileSync(join(root, file), 'utf8').matchAll(citation)) {
      cited++
      if (!statements.has(id)) wrong.push(`${file}: ${id}`)
    }
  }
  assert.ok(cited > 500)
  assert.deepEqual(wrong, [])
})
