import type { SQLInputValue } from 'node:sqlite'
import { type Code, code, type Group, numbersOf } from './group.ts'
import { entriesAtOnce, type Statements } from './sqlite-statements.ts'

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
        const rows = isRun(numbers, at - 1) ? entriesAtOnce : 1
        const values: SQLInputValue[] = []
        for (let row = 0; row < rows; row++, at++) {
          const columns = numbers.subarray(at, at + numbersOf[code.queued])
          at += columns.length
          const data = binary(columns[9] ?? 0)
          addEntry(values, columns, data, binary(columns[10] ?? 0))
        }
        at--
        if (rows === 1) to.queued.run(...values)
        else to.queuedRun.run(...values)
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

/** Whether as many new entries follow as one statement takes: that costs a quarter less. */
function isRun(numbers: Float64Array, start: number): boolean {
  const width = 1 + numbersOf[code.queued]
  for (let row = 1; row < entriesAtOnce; row++) {
    if (numbers[start + row * width] !== code.queued) return false
  }
  return true
}

/** In the order of the columns, of which the Session is the second. */
function addEntry(
  to: SQLInputValue[],
  numbers: Float64Array,
  data: SQLInputValue,
  route: SQLInputValue,
): void {
  to.push(numbers[1] ?? 0, numbers[0] ?? 0)
  for (let column = 2; column < 9; column++) to.push(numbers[column] ?? 0)
  to.push(route, data)
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
