import { parseArgs } from 'node:util'
import type { BrokerUrls } from '../busbar.ts'
import { accessCases } from './access-cases.ts'
import type { AttackCase, Ground } from './attack-case.ts'
import { authenticationCases } from './authentication-cases.ts'
import { connectionCases } from './connection-cases.ts'
import { startOwnBroker } from './own-broker.ts'
import { busbarRig, commandRig, everything, mosquittoRig, type Rig } from './rig.ts'
import { transportCases } from './transport-cases.ts'
import { wireCases } from './wire-cases.ts'

const usage = `npm run attack-test -- [--cases 1,50] [--broker mosquitto] [--start 'CMD'] [--url URL] [--ws-url URL]

Attacks a broker in a process of its own, a line for each row of the list of attacks.

  --broker NAME    busbar (default), or mosquitto: Debian's
  --start 'CMD {port} {passwords} {rules} {anonymous}'
                   any other broker, started anew for each row that has users and rules; both are
                   files in the form of Mosquitto's, which SIGHUP makes it read again. {anonymous}
                   is true where everybody may connect
  --url URL        a broker that runs, for the rows that need no users and rules
  --ws-url URL     the same over WebSocket
  --cases N,N      these rows only

What is expected is Busbar's answer: another broker may differ where the standards leave a choice.
Rows that it has no such feature for are not applicable. Exit code 1 when a broker has given in, or
differs.
`

const options = {
  broker: { type: 'string', default: 'busbar' },
  start: { type: 'string' },
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
  ...accessCases,
  ...authenticationCases,
].sort((a, b) => a.number - b.number)

/** What the rows need that can be tried on any broker. */
export async function startTarget(): Promise<Ground & AsyncDisposable> {
  const limits = { connectTimeoutSeconds: 3 }
  const broker = await startOwnBroker({ mqtt: { receiveMaximum: 10 }, limits })
  return { ...broker, rig: busbarRig }
}

if (import.meta.main) {
  process.exitCode = await main().catch((error: Error) => {
    console.error(error.message)
    return 2
  })
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help === true) {
    process.stdout.write(usage)
    return 0
  }
  const { url, start, broker } = values
  if (broker !== 'busbar' && broker !== 'mosquitto') {
    console.error(`--broker is ${broker}; allowed is busbar or mosquitto`)
    return 2
  }
  const numbers = values.cases?.split(',').map(Number)
  const chosen = attackCases.filter(({ number }) => numbers?.includes(number) ?? true)
  const isBusbar = url === undefined && start === undefined && broker === 'busbar'
  if (isBusbar) {
    await using target = await startTarget()
    return await attack(chosen, { ...target, isBusbar })
  }
  const rig =
    start === undefined ? (broker === 'mosquitto' ? mosquittoRig : undefined) : commandRig(start)
  const ws = values['ws-url'] ?? ''
  if (url !== undefined) return await attack(chosen, { tcp: url, ws, rig, isBusbar })
  await using trial = await rig?.start({ users: [], grants: [everything] })
  return await attack(chosen, { tcp: trial?.tcp ?? '', ws, rig, isBusbar })
}

/** A broker to be attacked; `rig` is how to start it, where that is known. */
interface Target extends BrokerUrls {
  readonly rig: Rig | undefined
  readonly isBusbar: boolean
}

async function attack(cases: readonly AttackCase[], target: Target): Promise<number> {
  const tally = { held: 0, 'GAVE IN': 0, differs: 0, 'not applicable': 0 }
  for (const each of cases) {
    const startedAt = performance.now()
    const [verdict, why] = await verdictOn(each, target)
    tally[verdict]++
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1)
    const head = `${String(each.number).padStart(2)}  ${verdict.padEnd(14)}  ${seconds.padStart(5)} s`
    console.log(`${head}  ${each.name}${why === undefined ? '' : `: ${why}`}`)
  }
  const parts = Object.entries(tally).map(([verdict, count]) => `${count} ${verdict}`)
  console.log(parts.join(', '))
  return tally['GAVE IN'] + tally.differs === 0 ? 0 : 1
}

type Verdict = 'held' | 'GAVE IN' | 'differs' | 'not applicable'

async function verdictOn(each: AttackCase, target: Target): Promise<[Verdict, string?]> {
  const { rig, ws, isBusbar } = target
  if (!isBusbar && each.own !== undefined) return ['not applicable', each.own]
  if (each.needsWebSocket === true && ws === '') return ['not applicable', '--ws-url is not given']
  if (each.hasRules === true && rig === undefined) {
    return ['not applicable', 'it has users and rules; --start is not given']
  }
  const fault = await faultOf(each, { ...target, rig: rig ?? busbarRig })
  if (fault === undefined) return ['held']
  // Another broker may answer in a way of its own, and be none the worse for it.
  return [isBusbar ? 'GAVE IN' : 'differs', fault]
}

async function faultOf(each: AttackCase, ground: Ground): Promise<string | undefined> {
  try {
    await each.run(ground)
    return undefined
  } catch (error) {
    return (error as Error).message.replaceAll(/\s+/g, ' ').slice(0, 400)
  }
}
