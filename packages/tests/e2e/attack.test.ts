import { after, before, test } from 'node:test'
import type { Ground } from '../src/attack/attack-case.ts'
import { startTarget } from '../src/attack/attack-test.ts'
import { connectionCases } from '../src/attack/connection-cases.ts'
import { transportCases } from '../src/attack/transport-cases.ts'
import { wireCases } from '../src/attack/wire-cases.ts'

const started = new AsyncDisposableStack()
let target: Ground
before(async () => {
  target = started.use(await startTarget())
})
after(() => started.disposeAsync())

for (const { number, name, run } of [...wireCases, ...connectionCases, ...transportCases]) {
  test(`${number}: ${name}`, { timeout: 120_000 }, () => run(target))
}
