import { parseArgs } from 'node:util'
import type { BrokerUrls } from '../busbar.ts'
import { accessCases } from './access-cases.ts'
import type { AttackCase } from './attack-case.ts'
import { authenticationCases } from './authentication-cases.ts'
import { connectionCases } from './connection-cases.ts'
import { startOwnBroker } from './own-broker.ts'
import { transportCases } from './transport-cases.ts'
import { wireCases } from './wire-cases.ts'

const usage = `npm run attack-test -- [--url mqtt://HOST:PORT] [--ws-url ws://HOST:PORT/mqtt] [--cases 1,50]

Attacks a broker in a process of its own, a line for each row of the list of attacks; --url attacks
another broker, as far as a row needs no settings of its own. Exit code 1 when it has given in.
`

const options = {
  url: { type: 'string' },
  'ws-url': { type: 'string' },
  cases: { type: 'string' },
  help: { type: 'boolean' },
} as const

/** All there are, by their numbers. */
export const attackCases: readonly AttackCase[] = [
  ...wireCases,
  ...connectionCases,
  ...transportCases,
  ...[...accessCases, ...authenticationCases].map((each) => ({ ...each, isOwn: true })),
].sort((a, b) => a.number - b.number)

/** What the rows need that can be tried on any broker. */
export function startTarget() {
  return startOwnBroker({ mqtt: { receiveMaximum: 10 }, limits: { connectTimeoutSeconds: 3 } })
}

if (import.meta.main) process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const numbers = values.cases?.split(',').map(Number)
  const chosen = attackCases.filter(({ number }) => numbers?.includes(number) ?? true)
  if (values.url !== undefined) {
    return await attack(chosen, { tcp: values.url, ws: values['ws-url'] ?? '' }, true)
  }
  await using broker = await startTarget()
  return await attack(chosen, broker, false)
}

async function attack(
  cases: readonly AttackCase[],
  target: BrokerUrls,
  isOther: boolean,
): Promise<number> {
  const tally = { held: 0, 'GAVE IN': 0, differs: 0, skipped: 0 }
  // Another broker may answer in a way of its own, and be none the worse for it.
  const failure = isOther ? 'differs' : 'GAVE IN'
  for (const each of cases) {
    const startedAt = performance.now()
    const isImpossible = isOther && (each.isOwn || (each.number >= 52 && target.ws === ''))
    const fault = isImpossible ? undefined : await outcomeOf(each, target)
    const verdict = isImpossible ? 'skipped' : fault === undefined ? 'held' : failure
    tally[verdict]++
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    const why = isImpossible
      ? ': it needs settings of its own'
      : fault === undefined
        ? ''
        : `: ${fault}`
    console.log(
      `${String(each.number).padStart(2)}  ${verdict.padEnd(7)}  ${seconds.padStart(5)} s  ${each.name}${why}`,
    )
  }
  console.log(
    Object.entries(tally)
      .map(([verdict, count]) => `${count} ${verdict}`)
      .join(', '),
  )
  return tally['GAVE IN'] + tally.differs === 0 ? 0 : 1
}

async function outcomeOf(each: AttackCase, target: BrokerUrls): Promise<string | undefined> {
  try {
    await each.run(target)
    return undefined
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ').slice(0, 400)
  }
}
