import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { StoreOpenError } from './errors.ts'
import { storeFile } from './file-names.ts'
import { newFolder } from './new-folder.contract.ts'
import { createSqliteStore } from './sqlite.ts'
import { checkStore } from './sqlite-check.ts'
import {
  commit,
  message,
  queued,
  received,
  retained,
  sent,
  session,
  subscription,
} from './store-samples.contract.ts'

/** The file of a closed store that has something of everything. */
async function sample(): Promise<string> {
  const folder = newFolder()
  await using store = await createSqliteStore({ folder, reserveBytes: 0 })
  await store.open()
  const shared = message()
  const will = { topicName: 'w', payload: new Uint8Array([1]), qos: 0, retain: false } as const
  await commit(store, [
    session('a', { will: { ...will, properties: {}, due: undefined } }),
    session('b'),
    subscription('a', 'x/#'),
    subscription('a', '$share/g/y'),
    subscription('b', 'x/#'),
    queued('a', 1, { message: shared }),
    queued('b', 2, { message: shared }),
    queued('a', 3, { subscriptionIdentifiers: [7] }),
    queued('a', 4),
    sent('a', 1, 10),
    sent('a', 3, 11),
    received('a', 5),
    retained('x/y'),
  ])
  return storeFile(folder)
}

function change(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

const counts = {
  sessions: 2,
  subscriptions: 3,
  retained: 1,
  queued: 4,
  inFlight: 2,
  leftOver: 0,
}

test('a sound store has its counts and no fault', async () => {
  const file = await sample()
  const report = checkStore(file)
  assert.deepEqual(report.faults, [])
  assert.deepEqual(report.counts, counts)
  assert.equal(report.schemaVersion, 1)
  assert.ok(report.bytes >= 4_096)
})

test('what ended Sessions have left is no fault', async () => {
  const file = await sample()
  change(file, 'UPDATE entry SET session = 99 WHERE position = 4')
  change(file, 'INSERT INTO message SELECT 77, topic_bytes, payload_at, data FROM message')
  const { faults, counts: found } = checkStore(file)
  assert.deepEqual(faults, [])
  assert.deepEqual(found, { ...counts, queued: 3, leftOver: 2 })
})

const faults: [sql: string, faults: readonly string[]][] = [
  ['DELETE FROM message', ['a queue entry whose message is not there (2 times)']],
  [
    'UPDATE entry SET message = 77 WHERE position = 3',
    ['a queue entry whose message is not there'],
  ],
  ['UPDATE entry SET data = NULL WHERE position = 4', ['a queue entry without a message']],
  ['UPDATE entry SET state = 3 WHERE position = 1', ['a queue entry in a state that there is not']],
  [
    'UPDATE entry SET packet_identifier = 0 WHERE position = 1',
    ['a message in flight without a Packet Identifier'],
  ],
  [
    'UPDATE entry SET packet_identifier = 10 WHERE position = 3',
    ['a Packet Identifier that two messages in flight to one Session share'],
  ],
  [
    "INSERT INTO subscription VALUES (99, 'x', 0, 0)",
    ['a subscription that belongs to no Session'],
  ],
  [
    'INSERT INTO received VALUES (99, 1)',
    ['a received Packet Identifier that belongs to no Session'],
  ],
  ['UPDATE session SET protocol_version = 6 WHERE id = 1', ['a Session of no version of MQTT']],
  [
    'UPDATE entry SET payload_at = 9999 WHERE position = 4',
    ['a queue entry whose message cannot be read'],
  ],
  [
    "UPDATE entry SET route = x'ff' WHERE position = 4",
    ['a queue entry whose route cannot be read'],
  ],
  ['UPDATE message SET topic_bytes = 60000', ['a message that cannot be read']],
  [
    "UPDATE retained SET topic = 'other'",
    ['a retained message that cannot be read, or that has another topic'],
  ],
  [
    "UPDATE subscription SET filter = 'x/#/y' WHERE filter = '$share/g/y'",
    ['a subscription whose Topic Filter is none'],
  ],
  ["UPDATE session SET will = x'ffffffffff' WHERE id = 1", ['a Session whose Will cannot be read']],
]

for (const [sql, expected] of faults) {
  test(`finds what is wrong after ${sql}`, async () => {
    const file = await sample()
    change(file, sql)
    assert.deepEqual(checkStore(file).faults, expected)
  })
}

test('finds pages that are damaged', async () => {
  const file = await sample()
  const content = readFileSync(file)
  content.fill(0x55, content.length - 4_096)
  writeFileSync(file, content)
  let found: readonly string[]
  try {
    found = checkStore(file).faults
  } catch (error) {
    assert.ok(error instanceof StoreOpenError, String(error))
    found = [error.message]
  }
  assert.match(found[0] ?? '', /damaged/)
})

test('says when there is nothing to check', () => {
  assert.throws(() => checkStore(join(newFolder(), 'busbar.db')), /^StoreOpenError: There is no /)
})
