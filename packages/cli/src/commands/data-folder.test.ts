import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { ConfigError } from '@busbar/broker'
import { readArguments } from '../command.ts'
import { UsageError } from '../output.ts'
import { dataFolder } from './data-folder.ts'
import { statusCommand } from './status.ts'

const folder = mkdtempSync(join(tmpdir(), 'busbar-config-'))
after(() => rmSync(folder, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}
const elsewhere = file('elsewhere.yaml', 'store: { dir: /srv/elsewhere }')
const inMemory = file('memory.yaml', 'store: { engine: memory }')
const wrong = file('wrong.yaml', 'stor: { dir: /srv/elsewhere }')
const find = (...args: string[]) => dataFolder(readArguments(statusCommand, args))

const rows = [
  [[], './busbar-data'],
  [['--data', '/srv/data'], '/srv/data'],
  [['--config', elsewhere], '/srv/elsewhere'],
  [['--config', elsewhere, '--data', '/srv/data'], '/srv/data'],
] as const
for (const [args, expected] of rows) {
  const flags = args.filter((arg) => arg.startsWith('--')).join(' and ')
  test(`the data folder with ${flags || 'no flag'} is ${expected}`, async () => {
    assert.equal(await find(...args), expected)
  })
}

test('a configuration that keeps nothing, or is wrong, has no data folder', async () => {
  await assert.rejects(find('--config', inMemory), UsageError)
  await assert.rejects(find('--config', wrong), ConfigError)
})
