import type { DatabaseSync } from 'node:sqlite'
import { StoreOpenError } from './errors.ts'

/** One step from a schema version to the next. Runs in a transaction; released ones never change. */
export type Migration = (database: DatabaseSync) => void

/** `Busb` in the header of the file, so that a foreign database is not taken for a store. */
const APPLICATION_ID = 0x42757362

/** The step at index n leads from version n to n + 1. */
export const migrations: readonly Migration[] = [createTables]

/** Throws a StoreOpenError for a database that is not ours, or of a later version. */
export function schemaVersion(database: DatabaseSync, file: string, steps = migrations): number {
  const version = pragma(database, 'user_version')
  const application = pragma(database, 'application_id')
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.n
  const isOurs = application === APPLICATION_ID || (version === 0 && tables === 0)
  if (!isOurs) throw new StoreOpenError(`${file} is a SQLite database, but not of Busbar`)
  if (version > steps.length) {
    throw new StoreOpenError(
      `${file} was written by a later Busbar: its schema is version ${version}, this Busbar knows ${steps.length}. Start the later one`,
    )
  }
  return version
}

/** Brings a database to the latest version. */
export function migrate(database: DatabaseSync, file: string, steps = migrations): void {
  const version = schemaVersion(database, file, steps)
  for (const [at, step] of steps.entries()) {
    if (at < version) continue
    database.exec('BEGIN IMMEDIATE')
    try {
      step(database)
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${at + 1}`)
      database.exec('COMMIT')
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK')
      throw error
    }
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

/**
 * Version 1. Entries are kept by position, which only grows: new ones go to the end of the file,
 * whatever their Session. An index by Session would put each on a page of its own (measured: 5 to
 * 15 µs an entry instead of 1); the worker has it in memory, built by the start-up scan.
 */
function createTables(database: DatabaseSync): void {
  database.exec(`
    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    INSERT INTO meta VALUES ('synced', 0);

    CREATE TABLE session (
      id INTEGER PRIMARY KEY,
      client_identifier TEXT NOT NULL UNIQUE,
      owner TEXT,
      protocol_version INTEGER NOT NULL,
      expiry_seconds REAL,           -- NULL: never
      ends_at REAL,                  -- ms since 1970
      ends_remaining REAL,           -- ms left when it was written
      will_at REAL,
      will_remaining REAL,
      will BLOB
    );
    CREATE TABLE subscription (
      session INTEGER NOT NULL,
      filter TEXT NOT NULL,
      options INTEGER NOT NULL,      -- as in SUBSCRIBE; 64: awaits retained
      identifier INTEGER NOT NULL,   -- 0: none
      PRIMARY KEY (session, filter)
    ) WITHOUT ROWID;
    CREATE TABLE received (
      session INTEGER NOT NULL,
      packet_identifier INTEGER NOT NULL,
      PRIMARY KEY (session, packet_identifier)
    ) WITHOUT ROWID;
    CREATE TABLE entry (
      position INTEGER PRIMARY KEY,
      session INTEGER NOT NULL,
      state INTEGER NOT NULL,        -- 0 queued, 1 sent, 2 released
      packet_identifier INTEGER NOT NULL,
      flags INTEGER NOT NULL,        -- QoS, 4: retain
      size INTEGER NOT NULL,         -- as limits count it
      message INTEGER NOT NULL,      -- 0: the message is in this row
      topic_bytes INTEGER NOT NULL,
      payload_at INTEGER NOT NULL,
      route BLOB,
      data BLOB                      -- topic, head, payload
    );
    CREATE TABLE message (
      id INTEGER PRIMARY KEY,
      topic_bytes INTEGER NOT NULL,
      payload_at INTEGER NOT NULL,
      data BLOB NOT NULL
    );
    CREATE TABLE retained (
      topic TEXT NOT NULL UNIQUE,
      topic_bytes INTEGER NOT NULL,
      payload_at INTEGER NOT NULL,
      data BLOB NOT NULL
    );

    -- For people.
    CREATE VIEW waiting AS
      SELECT position, client_identifier, state, packet_identifier,
        CAST(substr(m.data, 1, m.topic_bytes) AS TEXT) AS topic,
        substr(m.data, m.payload_at + 1) AS payload
      FROM (
        SELECT e.position, e.session, e.state, e.packet_identifier,
          coalesce(a.topic_bytes, e.topic_bytes) AS topic_bytes,
          coalesce(a.payload_at, e.payload_at) AS payload_at,
          coalesce(a.data, e.data) AS data
        FROM entry e LEFT JOIN message a ON a.id = e.message
      ) m JOIN session ON session.id = m.session;
    CREATE VIEW retained_message AS
      SELECT topic, substr(data, payload_at + 1) AS payload FROM retained;
  `)
}
