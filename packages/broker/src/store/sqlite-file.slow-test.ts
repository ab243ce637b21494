import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreOpenError } from './errors.ts'
import { storeFile } from './file-names.ts'
import { newFolder } from './new-folder.contract.ts'
import { createSqliteStore } from './sqlite.ts'
import { openDatabase } from './sqlite-file.ts'
import { migrations } from './sqlite-schema.ts'
import { commit, noise, queued, session } from './store-samples.contract.ts'

/** The only value that a query finds in the file of a closed store. */
function ask(folder: string, sql: string): unknown {
  const database = new DatabaseSync(storeFile(folder), { readOnly: true })
  const [value] = Object.values(database.prepare(sql).get() ?? {})
  database.close()
  return value
}

const damages: [name: string, expected: RegExp, damage: (file: string) => void][] = [
  ['a file that is none', /damaged \(file is not a database\)/, (file) => writeFileSync(file, 'x')],
  [
    'a damaged header',
    /damaged \(file is not a database\)/,
    (file) => overwrite(file, 0, Buffer.from('SQLite format 4')),
  ],
  ['a damaged table', /damaged \(.*malformed/, (file) => overwrite(file, 4096, noise(30 * 4096))],
  ['a file cut short', /damaged \(.*malformed/, (file) => truncateSync(file, 3 * 4096)],
  [
    'an emptied file with a log',
    /damaged \(it is empty/,
    (file) => {
      writeFileSync(`${file}-wal`, readFileSync(file))
      truncateSync(file, 0)
    },
  ],
  ['a later version', /schema is version 99/, (file) => change(file, 'PRAGMA user_version = 99')],
  [
    'a foreign database',
    /not of Busbar/,
    (file) => change(file, 'PRAGMA application_id = 0; PRAGMA user_version = 0'),
  ],
]
for (const [name, expected, damage] of damages) {
  test(`refuses ${name}, says which file, and leaves it as it is`, async () => {
    const folder = newFolder()
    const store = await createSqliteStore({ folder, reserveBytes: 0 })
    await store.open()
    const entries = Array.from({ length: 500 }, (_, at) => queued('a', at + 1))
    await commit(store, [session('a'), ...entries])
    await store[Symbol.asyncDispose]()
    const file = storeFile(folder)
    damage(file)
    const before = readFileSync(file)
    await assert.rejects(
      async () => {
        await using refused = await createSqliteStore({ folder, reserveBytes: 0 })
        await refused.open()
      },
      (error: Error) => {
        assert.ok(error instanceof StoreOpenError, String(error))
        assert.match(error.message, expected)
        assert.ok(error.message.includes(file))
        return true
      },
    )
    assert.ok(readFileSync(file).equals(before), 'the file is as it was')
  })
}

function overwrite(file: string, at: number, bytes: Uint8Array): void {
  const content = readFileSync(file)
  content.set(bytes.subarray(0, content.length - at), at)
  writeFileSync(file, content)
}

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

test('brings an older version up to date, and what it held', () => {
  const folder = newFolder()
  mkdirSync(folder)
  const insert = "INSERT INTO session (id, client_identifier, protocol_version) VALUES (1, 'a', 4)"
  const older = openDatabase({ folder })
  older.exec(insert)
  older.close()
  const steps = [
    ...migrations,
    (database: DatabaseSync) => database.exec('ALTER TABLE session ADD COLUMN colour TEXT'),
    (database: DatabaseSync) => database.exec("UPDATE session SET colour = 'red'"),
  ]
  openDatabase({ folder, migrations: steps }).close()
  assert.equal(ask(folder, 'PRAGMA user_version'), migrations.length + 2)
  assert.equal(ask(folder, 'SELECT client_identifier || colour FROM session'), 'ared')
  // Once is enough.
  openDatabase({ folder, migrations: steps }).close()
})

test('a migration that fails changes nothing', () => {
  const folder = newFolder()
  openDatabase({ folder }).close()
  const failing = (database: DatabaseSync) => {
    database.exec('ALTER TABLE session ADD COLUMN colour TEXT')
    throw new Error('half way')
  }
  assert.throws(() => openDatabase({ folder, migrations: [...migrations, failing] }), /half way/)
  assert.equal(ask(folder, 'PRAGMA user_version'), migrations.length)
  openDatabase({ folder }).close()
})
