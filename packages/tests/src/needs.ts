import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const told = new Set<string>()

/**
 * For the `skip` of a test: false when everything is there, otherwise why not. Fails where nothing
 * may be skipped.
 */
function skipUnless(isThere: boolean, name: string): string | false {
  if (isThere) return false
  const reason = `skipped: ${name} absent`
  if (process.env.CI === 'true') throw new Error(`${name} is absent, and CI skips nothing`)
  if (!told.has(reason)) console.log(reason)
  told.add(reason)
  return reason
}

/** A program that has to be found by its name. */
export function needs(program: string): string | false {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return skipUnless(
    folders.some((folder) => existsSync(join(folder, program))),
    program,
  )
}

export function needsFile(path: string, name: string): string | false {
  return skipUnless(existsSync(path), name)
}

/** A program that has to succeed with these arguments. */
export function needsSuccess(command: string, args: readonly string[], name: string) {
  return skipUnless(spawnSync(command, args, { stdio: 'ignore' }).status === 0, name)
}
