import { describe, test } from 'node:test'
import { clientCases } from '../src/client-conformance/cases.ts'
import { countedFor, runClientCase } from '../src/client-conformance/run.ts'

const names = { 5: '5.0', 4: '3.1.1' } as const

describe('what a client has to do', { concurrency: 4 }, () => {
  for (const one of clientCases) {
    for (const version of one.versions) {
      const ids = countedFor(one.statements, version).join(' ')
      test(`${one.id} (${names[version]}): ${one.title} [${ids}]`, async () => {
        await runClientCase(one, version)
      })
    }
  }
})
