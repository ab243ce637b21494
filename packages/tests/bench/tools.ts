import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

export interface Tools {
  readonly load: string
  readonly relay: string
}

/** Compiles the load generator and the relay into a folder. Throws when there is no compiler. */
export function buildTools(folder: string): Tools {
  const sources = join(import.meta.dirname, 'load')
  const ofLoad = readdirSync(sources)
    .filter((name) => name.endsWith('.c'))
    .map((name) => join(sources, name))
  return {
    load: compile(ofLoad, join(folder, 'load')),
    relay: compile([join(import.meta.dirname, 'relay.c')], join(folder, 'relay')),
  }
}

function compile(sources: readonly string[], program: string): string {
  const compiler = process.env.CC ?? 'cc'
  const args = ['-O2', '-std=gnu17', '-o', program, ...sources, '-lm']
  const { status, error, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error !== undefined) {
    throw new Error(
      `The benchmark is written in C, and there is no compiler ${compiler}; CC names one`,
    )
  }
  if (status !== 0) throw new Error(`${compiler} failed:\n${stderr}`)
  return program
}
