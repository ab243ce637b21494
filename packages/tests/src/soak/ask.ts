import type { ChildProcess } from 'node:child_process'
import { within } from '../deadline.ts'

/** Sends a word to another process and returns what it answers with. */
export async function ask<T>(child: ChildProcess, what: string, ms: number): Promise<T> {
  const answer = new Promise<T>((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', () => reject(new Error(`the process that was asked for ${what} has ended`)))
    child.send(what, (error) => error && reject(error))
  })
  return await within(answer, `an answer to ${what}`, ms)
}
