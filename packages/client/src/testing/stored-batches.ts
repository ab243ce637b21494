import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileStore } from '../node/file-store.ts'
import type { StoreChange, StoredMessage, StoredSession } from '../store/session-store.ts'
import { StoredState } from '../store/stored-state.ts'

/** Runs with the path of a session that is not there yet. */
export async function inFolder(run: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-store-'))
  try {
    await run(join(folder, 'session'))
  } finally {
    await rm(folder, { recursive: true })
  }
}

export function append(sequence: number, payload: Uint8Array): StoreChange {
  const message: StoredMessage = {
    sequence,
    topicName: 'a/b',
    payload,
    qos: 1,
    retain: false,
    properties: { correlationData: new Uint8Array([sequence]) },
    expiresAt: undefined,
    state: 'waiting',
    packetIdentifier: 0,
  }
  return { type: 'append', message }
}

/** What a log is made of in these tests. */
export const batches: readonly (readonly StoreChange[])[] = [
  [append(1, new Uint8Array([1, 2, 3])), append(2, new Uint8Array(0))],
  [{ type: 'update', sequence: 1, state: 'published', packetIdentifier: 1 }],
  [
    { type: 'hold', packetIdentifier: 9 },
    { type: 'remove', sequence: 2 },
  ],
  [append(3, new Uint8Array(40).fill(7))],
  [{ type: 'remove', sequence: 1 }],
]

export function stateAfter(count: number): StoredSession {
  const state = new StoredState()
  for (const changes of batches.slice(0, count)) state.apply(changes)
  return plain(state.session())
}

/** As JSON has it: a field that is undefined is as good as none. */
const plain = (session: StoredSession): StoredSession => JSON.parse(JSON.stringify(session))

export async function load(path: string): Promise<StoredSession> {
  await using store = fileStore(path)
  return plain(await store.load())
}

/** Where each record ends in a log of them. */
export function recordEnds(records: readonly Uint8Array[], start: number): number[] {
  let end = start
  return records.map(({ length }) => {
    end += length
    return end
  })
}
