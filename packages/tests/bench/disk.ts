import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from '../src/temporary-folder.ts'
import { median } from './results.ts'

/** Microseconds that the disk takes for 4 KB and a sync, as everything on it has to wait for. */
export async function syncLatency(): Promise<number> {
  await using folder = await temporaryFolder()
  const file = openSync(join(folder.path, 'probe'), 'w')
  const block = new Uint8Array(4_096)
  const times: number[] = []
  try {
    for (let i = 0; i < 200; i++) {
      const began = performance.now()
      writeSync(file, block, 0, block.length, i * block.length)
      fdatasyncSync(file)
      times.push((performance.now() - began) * 1_000)
    }
  } finally {
    closeSync(file)
  }
  return median(times)
}
