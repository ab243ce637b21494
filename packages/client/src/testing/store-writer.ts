import { fileStore } from '../node/file-store.ts'
import { append } from './stored-batches.ts'

// Commits messages without end, from a number on, and says which ones are committed.
const [path = '', first = '1'] = process.argv.slice(2)
const store = fileStore(path, { compactAtBytes: 4_096 })
await store.load()
for (let sequence = Number(first); ; sequence++) {
  await store.commit([append(sequence, new Uint8Array(64))])
  process.stdout.write(`${sequence}\n`)
}
