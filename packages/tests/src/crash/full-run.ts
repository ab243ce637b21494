import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { atExit } from '../at-exit.ts'
import { freePort } from '../free-port.ts'
import { temporaryFolder } from '../temporary-folder.ts'
import { type BrokerKind, BrokerProcess } from './broker-process.ts'
import { type FullOptions, type FullReport, runDiskFull } from './disk-full.ts'

/** How a disk becomes full, and what makes room. */
interface Disk extends AsyncDisposable {
  readonly data: string
  readonly makeRoom: (() => void) | undefined
}

/** One disk that was filled, with or without a crash while it was full. */
export interface FullResult extends FullReport {
  readonly broker: string
  readonly disk: string
  readonly isKilled: boolean
}

export interface FullRunOptions {
  readonly kind: BrokerKind
  /** The same with a limit of its own, if it has one. */
  readonly limitedKind: BrokerKind | undefined
  readonly cycles: number
  readonly seed: number
  /** Where the logs of clients are written when something is wrong. */
  readonly logs: string | undefined
  readonly say: (line: string) => void
}

/** Fills disks, each with and without a crash. */
export async function runFullDisks(options: FullRunOptions): Promise<readonly FullResult[]> {
  const { kind, limitedKind, cycles, seed, logs, say } = options
  const results: FullResult[] = []
  for (let number = 1; number <= cycles; number++) {
    for (const isKilled of [false, true]) {
      const scene = { seed, number: results.length + 1, isKilled, logs }
      if (limitedKind !== undefined) {
        results.push(await fillLimited(limitedKind, scene))
        say(describeFull(results.at(-1) as FullResult))
      }
      const mounted = await mountSmall()
      if (typeof mounted === 'string') {
        say(mounted)
        continue
      }
      await using disk = mounted
      scene.number = results.length + 1
      results.push(await fill(kind, 'a small disk', disk, scene))
      say(describeFull(results.at(-1) as FullResult))
    }
  }
  return results
}

type SceneOptions = Pick<FullOptions, 'seed' | 'number' | 'isKilled' | 'logs'>

/** Fills the database of a broker that has a limit of its own. */
export async function fillLimited(kind: BrokerKind, scene: SceneOptions): Promise<FullResult> {
  await using disk = await folder()
  return await fill(kind, 'a limited database', disk, scene)
}

async function fill(
  kind: BrokerKind,
  name: string,
  { data, makeRoom }: Disk,
  scene: SceneOptions,
): Promise<FullResult> {
  const address = { host: '127.0.0.1', port: await freePort() }
  await using broker = new BrokerProcess(kind, data, address)
  await broker.start()
  const report = await runDiskFull({ broker, makeRoom, ...scene })
  return { ...report, broker: kind.name, disk: name, isKilled: scene.isKilled }
}

async function folder(): Promise<Disk> {
  const { path: data, [Symbol.asyncDispose]: remove } = await temporaryFolder()
  return { data, makeRoom: undefined, [Symbol.asyncDispose]: remove }
}

const diskMegabytes = 64
const ballastMegabytes = 10

/** A small file system in memory with a file that can be deleted; or why there is none. */
async function mountSmall(): Promise<Disk | string> {
  const { path: data, [Symbol.asyncDispose]: remove } = await temporaryFolder()
  const options = ['-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', data]
  const { status, error } = spawnSync('mount', options, { stdio: 'ignore' })
  if (status !== 0) {
    await remove()
    return `skipped: a small file system cannot be mounted here (${error?.message ?? 'not permitted'})`
  }
  const unmount = () => spawnSync('umount', ['-l', data], { stdio: 'ignore' })
  const forget = atExit(unmount)
  const ballast = join(data, 'ballast')
  writeFileSync(ballast, Buffer.alloc(ballastMegabytes * 2 ** 20, 1))
  return {
    data,
    makeRoom: () => rmSync(ballast, { force: true }),
    [Symbol.asyncDispose]: async () => {
      unmount()
      forget()
      await remove()
    },
  }
}

function describeFull(of: FullResult): string {
  const { counts, violations } = of
  return (
    `${of.disk}${of.isKilled ? ', killed while full' : ''}: acked ${counts.acked}, lost ${counts.lost}, ` +
    `refused with a Reason Code ${of.refused}, 3.1.1 connections closed ${of.closed}, ` +
    `QoS 0 while full ${of.passed} of ${of.passedOf}, acknowledged ${of.recoveredMs.toFixed(0)} ms after ` +
    `there was room, ${violations.length} violations`
  )
}
