import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** A statement whose rows are arrays, in the order of the columns. */
export function statement(database: DatabaseSync, sql: string): StatementSync {
  const prepared = database.prepare(sql)
  prepared.setReturnArrays(true)
  return prepared
}

/** New entries that are written with one statement, where there are so many. */
export const entriesAtOnce = 16

const newEntry = '(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'

const entry = `SELECT position, session, state, packet_identifier, flags, message, topic_bytes,
  payload_at, route, data FROM entry`

/** Everything that is done again and again. */
export type Statements = ReturnType<typeof prepare>

export function prepare(database: DatabaseSync) {
  const sql = (text: string) => statement(database, text)
  return {
    freePages: sql('PRAGMA freelist_count'),
    begin: sql('BEGIN IMMEDIATE'),
    commit: sql('COMMIT'),
    synced: sql("UPDATE meta SET value = value + 1 WHERE name = 'synced'"),
    session: sql('INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)'),
    sessionChange: sql(`UPDATE session SET owner = ?, protocol_version = ?, expiry_seconds = ?,
      ends_at = ?, ends_remaining = ?, will_at = ?, will_remaining = ?, will = ? WHERE id = ?`),
    sessionOf: sql('SELECT id FROM session WHERE client_identifier = ?'),
    sessionEnd: sql('DELETE FROM session WHERE id = ?'),
    subscription: sql(`INSERT INTO subscription (session, filter, options, identifier)
      VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE
      SET options = excluded.options, identifier = excluded.identifier`),
    subscriptionEnd: sql('DELETE FROM subscription WHERE session = ? AND filter = ?'),
    subscriptionsEnd: sql('DELETE FROM subscription WHERE session = ?'),
    received: sql('INSERT OR IGNORE INTO received VALUES (?, ?)'),
    forgotten: sql('DELETE FROM received WHERE session = ? AND packet_identifier = ?'),
    receivedEnd: sql('DELETE FROM received WHERE session = ?'),
    retained: sql(`INSERT INTO retained (topic, topic_bytes, payload_at, data)
      VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET topic_bytes = excluded.topic_bytes,
      payload_at = excluded.payload_at, data = excluded.data`),
    retainedEnd: sql('DELETE FROM retained WHERE topic = ?'),
    // What an ended Session has left under this position gives way.
    queued: sql(`INSERT OR REPLACE INTO entry VALUES ${newEntry}`),
    queuedRun: sql(`INSERT OR REPLACE INTO entry VALUES
      ${new Array(entriesAtOnce).fill(newEntry).join(', ')}`),
    sent: sql(
      'UPDATE entry SET state = 1, packet_identifier = ? WHERE position = ? AND session = ?',
    ),
    released: sql('UPDATE entry SET state = 2 WHERE position = ? AND session = ? AND state = 1'),
    done: sql('DELETE FROM entry WHERE position = ? AND session = ?'),
    doneRun: sql('DELETE FROM entry WHERE position BETWEEN ? AND ? AND session = ?'),
    messageOf: sql('SELECT message FROM entry WHERE position = ? AND session = ?'),
    entry: sql(`${entry} WHERE position = ?`),
    entries: sql(`${entry} WHERE position BETWEEN ? AND ? ORDER BY position`),
    message: sql('INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?)'),
    messageRow: sql('SELECT topic_bytes, payload_at, data FROM message WHERE id = ?'),
    messageEnd: sql('DELETE FROM message WHERE id = ?'),
  }
}
