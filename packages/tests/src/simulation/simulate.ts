import { parseArgs } from 'node:util'
import type { FaultKind } from './profile.ts'
import { faultKinds } from './profile.ts'
import { shrink } from './shrink.ts'
import { type Run, simulate } from './simulation.ts'
import { traceOf } from './trace.ts'

const usage = `Usage: npm run simulate -- [--seeds N] [--seed S] [--without KIND]... [--verbose]

  --seeds N        how many seeds to run (100)
  --seed S         the first of them (1)
  --without KIND   leaves a kind of fault out: ${faultKinds.join(', ')}
  --verbose        a line for each seed`

/** Failing seeds that are shrunk and traced; of the others the violations alone are shown. */
const longestReport = 3

interface Totals {
  seeds: number
  packets: number
  faults: number
  simulatedMs: number
  readonly failed: number[]
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    without: { type: 'string', multiple: true, default: [] },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) console.log(usage)
else await main()

async function main(): Promise<void> {
  const faults = new Set(faultKinds.filter((kind) => !values.without.includes(kind)))
  const first = Number(values.seed)
  const started = performance.now()
  const totals: Totals = { seeds: 0, packets: 0, faults: 0, simulatedMs: 0, failed: [] }
  for (let seed = first; seed < first + Number(values.seeds); seed++) {
    const run = await simulate({ seed, faults })
    count(totals, run)
    if (values.verbose) console.log(lineOf(run))
    if (run.violations.length > 0) await report(run, totals)
  }
  summarize(totals, (performance.now() - started) / 60_000)
  process.exitCode = totals.failed.length > 0 ? 1 : 0
}

function count(totals: Totals, run: Run): void {
  totals.seeds++
  totals.packets += run.packets
  totals.simulatedMs += run.simulatedMs
  for (const times of run.faults.values()) totals.faults += times
}

function lineOf({ options, clients, packets, counts, faults }: Run): string {
  const failures = [...faults].map(([kind, times]) => `${kind} ${times}`).join(', ')
  const { sent, acked, received, duplicated } = counts
  return `seed ${options.seed}: ${clients} clients, ${packets} packets, sent ${sent}, acked ${acked}, received ${received}, again ${duplicated}; ${failures}`
}

async function report(run: Run, totals: Totals): Promise<void> {
  totals.failed.push(run.options.seed)
  console.log(`\nseed ${run.options.seed} breaks a promise:`)
  if (totals.failed.length > longestReport) return showViolations(run)
  const smallest = await shrink(run)
  showViolations(run)
  const kinds: readonly FaultKind[] = [...(smallest.options.faults ?? faultKinds)]
  console.log(
    `shrunk to ${smallest.clients} clients, ${(smallest.durationMs / 1_000).toFixed(1)} s, faults: ${kinds.join(', ') || 'none'}`,
  )
  const [violation] = smallest.violations
  if (violation === undefined) return
  console.log(`  ${violation.rule}: ${violation.text} [${violation.messages.join(' ')}]`)
  console.log(traceOf(smallest, violation))
}

function showViolations({ violations }: Run): void {
  for (const { rule, text, clients, messages } of violations.slice(0, 5)) {
    const names = messages.length > 6 ? [...messages.slice(0, 6), '…'] : messages
    console.log(`  ${rule}: ${text} (${clients.join(' ')}) ${names.join(' ')}`)
  }
}

function summarize({ seeds, packets, faults, simulatedMs, failed }: Totals, minutes: number): void {
  const perMinute = (amount: number) => Math.round(amount / minutes).toLocaleString('en')
  console.log(
    [
      `\n${seeds} seeds, ${failed.length} of them broke a promise${failed.length > 0 ? `: ${failed.slice(0, 20).join(' ')}` : ''}`,
      `${packets.toLocaleString('en')} packets, ${faults.toLocaleString('en')} faults, ${(simulatedMs / 3_600_000).toFixed(1)} simulated hours in ${(minutes * 60).toFixed(1)} s`,
      `${perMinute(packets)} packets and ${perMinute(faults)} faults in a minute`,
    ].join('\n'),
  )
}
