import { statSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { parseSubscriptionFilter } from '@busbar/protocol'
import { systemClock } from '../clock.ts'
import { MessageReader, readRoute, readWill, Times } from './message-codec.ts'
import type { MessageRow } from './packed.ts'
import { explainReading, openForReading } from './sqlite-read.ts'
import { statement } from './sqlite-statements.ts'

/** What is in a file of the store, and what is wrong with it. */
export interface StoreReport {
  readonly file: string
  readonly schemaVersion: number
  /** Size of the database. */
  readonly bytes: number
  readonly counts: StoreCounts
  /** One sentence each; none in a sound file. */
  readonly faults: readonly string[]
}

export interface StoreCounts {
  readonly sessions: number
  readonly subscriptions: number
  readonly retained: number
  /** Entries in the queues of Sessions. */
  readonly queued: number
  /** Those of them that were sent and not acknowledged. */
  readonly inFlight: number
  /** Entries of Sessions that have ended, and messages in no queue: a broker removes them in time. */
  readonly leftOver: number
}

/**
 * Checks a store that no broker uses, or a backup, and changes nothing. Throws a StoreOpenError when
 * the file is in use, not there, or not to be read at all.
 */
export function checkStore(file: string): StoreReport {
  using opened = openForReading(file)
  const { database, schemaVersion } = opened
  const report = { file, schemaVersion, bytes: statSync(file).size }
  let faults: string[] = []
  try {
    faults = integrity(database)
    faults = [...faults, ...queryFaults(database), ...contentFaults(database)]
    return { ...report, counts: count(database), faults }
  } catch (error) {
    // What is damaged need not be countable.
    if (faults.length === 0) throw explainReading(error, file)
    return { ...report, counts: nothing, faults }
  }
}

/** What SQLite finds wrong with its own structure; throws when it cannot even look. */
export function integrity(database: DatabaseSync): string[] {
  const rows = statement(database, `PRAGMA integrity_check(${damagesSaid})`).all()
  const sentences = rows.map((row) => String((row as unknown as [string])[0]))
  return sentences[0] === 'ok' ? [] : sentences.map((each) => `the file is damaged: ${each}`)
}

const damagesSaid = 10

const nothing: StoreCounts = {
  sessions: 0,
  subscriptions: 0,
  retained: 0,
  queued: 0,
  inFlight: 0,
  leftOver: 0,
}

/** An entry that belongs to a Session; others are left over. */
const live = 'session IN (SELECT id FROM session)'

function count(database: DatabaseSync): StoreCounts {
  const number = (sql: string) => single(database, `SELECT count(*) FROM ${sql}`)
  const loose =
    'message WHERE id NOT IN (SELECT message FROM entry WHERE message IS NOT NULL AND message <> 0)'
  return {
    sessions: number('session'),
    subscriptions: number('subscription'),
    retained: number('retained'),
    queued: number(`entry WHERE ${live}`),
    inFlight: number(`entry WHERE state <> 0 AND ${live}`),
    leftOver: number(`entry WHERE NOT (${live})`) + number(loose),
  }
}

/** What must not be: rows that it counts, and what it would mean. */
const rules: readonly (readonly [sql: string, sentence: string])[] = [
  [
    'entry WHERE message <> 0 AND message NOT IN (SELECT id FROM message)',
    'a queue entry whose message is not there',
  ],
  ['entry WHERE message = 0 AND data IS NULL', 'a queue entry without a message'],
  ['entry WHERE state NOT IN (0, 1, 2)', 'a queue entry in a state that there is not'],
  [
    `entry WHERE state <> 0 AND ${live} AND packet_identifier NOT BETWEEN 1 AND 65535`,
    'a message in flight without a Packet Identifier',
  ],
  [
    `(SELECT 1 FROM entry WHERE state <> 0 AND ${live}
      GROUP BY session, packet_identifier HAVING count(*) > 1)`,
    'a Packet Identifier that two messages in flight to one Session share',
  ],
  [
    'subscription WHERE session NOT IN (SELECT id FROM session)',
    'a subscription that belongs to no Session',
  ],
  [
    'received WHERE session NOT IN (SELECT id FROM session)',
    'a received Packet Identifier that belongs to no Session',
  ],
  ['session WHERE protocol_version NOT IN (3, 4, 5)', 'a Session of no version of MQTT'],
]

function queryFaults(database: DatabaseSync): string[] {
  return rules.flatMap(([sql, sentence]) =>
    amount(single(database, `SELECT count(*) FROM ${sql}`), sentence),
  )
}

function amount(times: number, sentence: string): string[] {
  return times === 0 ? [] : [times === 1 ? sentence : `${sentence} (${times} times)`]
}

/** Reads every row as the broker would, which has to succeed. */
function contentFaults(database: DatabaseSync): string[] {
  const times = new Times(0, systemClock)
  const message = ([topicBytes, payloadAt, data]: MessageRow) => {
    if (payloadAt < topicBytes || payloadAt > data.length) throw new Error('beyond the data')
    return new MessageReader(data, times).read(0, data.length, topicBytes, payloadAt)
  }
  const unreadable = (sql: string, read: (row: never) => unknown, sentence: string) => {
    let failures = 0
    for (const row of statement(database, sql).iterate()) {
      try {
        read(row as never)
      } catch {
        failures++
      }
    }
    return amount(failures, sentence)
  }
  const columns = 'SELECT topic_bytes, payload_at, data'
  return [
    ...unreadable(
      `${columns} FROM entry WHERE message = 0 AND data IS NOT NULL`,
      message,
      'a queue entry whose message cannot be read',
    ),
    ...unreadable(
      'SELECT route FROM entry WHERE route IS NOT NULL',
      ([route]: [Uint8Array]) => readRoute(route),
      'a queue entry whose route cannot be read',
    ),
    ...unreadable(`${columns} FROM message`, message, 'a message that cannot be read'),
    ...unreadable(
      `${columns}, topic FROM retained`,
      (row: [number, number, Uint8Array, string]) => {
        const [topicBytes, payloadAt, data, topic] = row
        if (message([topicBytes, payloadAt, data]).topicName !== topic) throw new Error('another')
      },
      'a retained message that cannot be read, or that has another topic',
    ),
    ...unreadable(
      'SELECT filter FROM subscription',
      ([filter]: [string]) => parseSubscriptionFilter(filter),
      'a subscription whose Topic Filter is none',
    ),
    ...unreadable(
      'SELECT will FROM session WHERE will IS NOT NULL',
      ([will]: [Uint8Array]) => readWill(will),
      'a Session whose Will cannot be read',
    ),
  ]
}

function single(database: DatabaseSync, sql: string): number {
  return Number((statement(database, sql).get() as unknown as [number])[0])
}
