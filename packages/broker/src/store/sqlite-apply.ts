import type { SQLInputValue } from 'node:sqlite'
import { type Code, code, type Group, numbersOf } from './group.ts'
import type { Statements } from './sqlite-statements.ts'

/** Writes a group to the tables, within a transaction; returns the Sessions that it has ended. */
export function applyGroup(to: Statements, { numbers, bytes, strings }: Group): readonly number[] {
  const ended: number[] = []
  let at = 0
  let read = 0
  let text = 0
  const number = () => numbers[at++] ?? 0
  const string = () => strings[text++] ?? null
  const binary = (length: number) => {
    read += length
    return length === 0 ? null : bytes.subarray(read - length, read)
  }
  while (at < numbers.length) {
    switch (number() as Code) {
      case code.session: {
        const [id, isNew] = [number(), number() === 1]
        const columns = Array.from({ length: 6 }, () => orNull(number()))
        const will = binary(number())
        const clientIdentifier = string()
        const row = [string(), ...columns, will]
        if (isNew) addSession(to, { id, clientIdentifier, row, ended })
        else to.sessionChange.run(...row, id)
        break
      }
      case code.sessionEnd:
        endSession(to, number(), ended)
        break
      case code.subscription:
        to.subscription.run(number(), string(), number(), number())
        break
      case code.subscriptionEnd:
        to.subscriptionEnd.run(number(), string())
        break
      case code.retained:
        to.retained.run(string(), number(), number(), binary(number()))
        break
      case code.retainedEnd:
        to.retainedEnd.run(string())
        break
      case code.message:
        to.message.run(number(), number(), number(), binary(number()))
        break
      case code.queued: {
        const first = at
        at += numbersOf[code.queued]
        const data = binary(numbers[first + 9] ?? 0)
        const route = binary(numbers[first + 10] ?? 0)
        to.queued.run(
          numbers[first + 1] ?? 0,
          numbers[first] ?? 0,
          numbers[first + 2] ?? 0,
          numbers[first + 3] ?? 0,
          numbers[first + 4] ?? 0,
          numbers[first + 5] ?? 0,
          numbers[first + 6] ?? 0,
          numbers[first + 7] ?? 0,
          numbers[first + 8] ?? 0,
          route,
          data,
        )
        break
      }
      case code.sent: {
        const [session, position] = [number(), number()]
        to.sent.run(number(), position, session)
        break
      }
      case code.released: {
        const session = number()
        to.released.run(number(), session)
        break
      }
      case code.done:
        at += applyDone(to, numbers, at - 1) - 1
        break
      case code.received:
        to.received.run(number(), number())
        break
      case code.forgotten:
        to.forgotten.run(number(), number())
        break
    }
  }
  return ended
}

/**
 * Entries are often done in their order: such a run from `start` on is one statement. Returns how many
 * numbers it is.
 */
function applyDone(to: Statements, numbers: Float64Array, start: number): number {
  const width = 1 + numbersOf[code.done]
  const session = numbers[start + 1] ?? 0
  const first = numbers[start + 2] ?? 0
  let last = first
  let end = start + width
  while (numbers[end] === code.done && numbers[end + 1] === session) {
    if (numbers[end + 2] !== last + 1) break
    last++
    end += width
  }
  if (last === first) to.done.run(first, session)
  else to.doneRun.run(first, last, session)
  return end - start
}

interface NewSession {
  readonly id: number
  readonly clientIdentifier: string | null
  /** The other columns. */
  readonly row: SQLInputValue[]
  readonly ended: number[]
}

function addSession(to: Statements, { id, clientIdentifier, row, ended }: NewSession): void {
  // Left over when its end could not be stored: its successor replaces it.
  const before = to.sessionOf.get(clientIdentifier) as unknown as [number] | undefined
  if (before !== undefined) endSession(to, before[0], ended)
  to.session.run(id, clientIdentifier, ...row)
}

function endSession(to: Statements, id: number, ended: number[]): void {
  to.sessionEnd.run(id)
  to.subscriptionsEnd.run(id)
  to.receivedEnd.run(id)
  ended.push(id)
}

function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
