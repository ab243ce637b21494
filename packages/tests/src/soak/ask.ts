import type { ChildProcess } from 'node:child_process'
import { within } from '../deadline.ts'

/** Sends a word to another process and returns what it answers with. */
export async function ask<T>(child: ChildProcess, what: string, ms: number): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  const hasEnded = () => reject(new Error(`the process that was asked for ${what} has ended`))
  child.once('message', resolve)
  child.once('exit', hasEnded)
  child.send(what, (error) => error && reject(error))
  try {
    return await within(promise, `an answer to ${what}`, ms)
  } finally {
    child.off('message', resolve)
    child.off('exit', hasEnded)
  }
}
