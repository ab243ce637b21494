import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { createSqliteStore } from './sqlite.ts'
import { contractClock, storeContract } from './store.contract.ts'

const root = mkdtempSync(join(tmpdir(), 'busbar-store-'))
after(() => rmSync(root, { recursive: true }))
let folders = 0
const newFolder = () => join(root, `${++folders}`)

for (const level of ['disk', 'os', 'memory'] as const) {
  storeContract(`sqlite, ${level}`, async () => {
    const folder = newFolder()
    const store = await createSqliteStore({ folder, level, clock: contractClock })
    return {
      store,
      async reopen() {
        await store[Symbol.asyncDispose]()
        return createSqliteStore({ folder, level, clock: contractClock })
      },
    }
  })
}
