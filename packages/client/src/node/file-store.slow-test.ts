import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  append,
  batches,
  inFolder,
  load,
  recordEnds,
  stateAfter,
} from '../testing/stored-batches.ts'
import { fileStore } from './file-store.ts'
import { encodeRecord, magic } from './log-format.ts'

const writerScript = join(
  dirname(fileURLToPath(import.meta.url)),
  '..',
  'testing',
  'store-writer.ts',
)

test('cut at any byte, the file holds exactly the batches that were whole, and goes on', async () => {
  await inFolder(async (path) => {
    const records = batches.map(encodeRecord)
    const whole = Buffer.concat([magic, ...records])
    const ends = recordEnds(records, magic.length)
    for (let length = 0; length <= whole.length; length++) {
      await writeFile(path, whole.subarray(0, length))
      const count = ends.filter((end) => end <= length).length
      {
        await using store = fileStore(path)
        const session = JSON.parse(JSON.stringify(await store.load()))
        assert.deepEqual(session, stateAfter(count), `cut at ${length}`)
        await store.commit([append(77, new Uint8Array([7]))])
      }
      assert.equal((await load(path)).messages.at(-1)?.sequence, 77, `after a cut at ${length}`)
    }
  })
})

test('killed at any time, what was committed is there', async (t) => {
  await inFolder(async (path) => {
    let first = 1
    for (const killAt of [1, 7, 40, 3, 120]) {
      const committed = await writeUntilKilled(path, first, killAt)
      const { messages } = await load(path)
      const sequences = messages.map(({ sequence }) => sequence)
      // All in a row: nothing that was confirmed is missing, and nothing is there twice.
      assert.deepEqual(
        sequences,
        Array.from(sequences, (_, at) => at + 1),
      )
      assert.ok(sequences.length >= committed, `${sequences.length} of ${committed}`)
      t.diagnostic(`killed after ${committed}: ${sequences.length} are there`)
      first = sequences.length + 1
    }
  })
})

/** Resolves with the last number that the writer called committed before it was killed. */
async function writeUntilKilled(path: string, first: number, count: number): Promise<number> {
  const writer: ChildProcess = spawn(
    process.execPath,
    ['-C', '@busbar/source', writerScript, path, String(first)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  assert.ok(writer.stdout !== null)
  const exited = once(writer, 'exit')
  let committed = first - 1
  for await (const line of createInterface(writer.stdout)) {
    committed = Number(line)
    if (committed >= first + count - 1) writer.kill('SIGKILL')
  }
  assert.deepEqual(await exited, [null, 'SIGKILL'])
  return committed
}
