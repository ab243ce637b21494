import { Fifo } from '../../fifo.ts'

/**
 * The turn of the event loop that a back end is in: what it has read leads to output, which leaves
 * before the turn is over. An immediate for that would be one more thing to make for each message
 * that comes alone. There is one turn at a time in a thread.
 */
let isIn = false
/** There are few of them in a turn: the cores, and the back ends, of the thread. */
const few = 16
const atEnd = new Fifo<() => void>(few)
/** An immediate will end a turn, for work that was put off outside of any. */
let isExpected = false
const sends = new Fifo<() => void>(few)

/** Calls back once when this turn of the event loop ends, whoever it belongs to. */
export function atEndOfTurn(work: () => void): void {
  atEnd.push(work)
  if (isIn || isExpected) return
  isExpected = true
  setImmediate(inTurn, expected)
}

/** Whatever turn comes first does it: what that turn reads may be behind what was put off. */
function expected(): void {
  isExpected = false
}

/**
 * Calls back once behind the work that is being done in this turn, and before any other: that would
 * use the memory again in which output has been put together.
 */
export function sendBehind(send: () => void): void {
  sends.push(send)
}

/** Whether there is somebody who will do what is put off. */
export function isInTurn(): boolean {
  return isIn
}

/** Runs a turn. What it puts off to the end is done when `endTurn` is called, or when it returns. */
export function inTurn(turn: () => void): void {
  isIn = true
  try {
    turn()
  } finally {
    try {
      endTurn()
    } finally {
      isIn = false
    }
  }
}

/** Does what was put off, and what that puts off in turn. One that fails does not keep the others from being done. */
export function endTurn(): void {
  sendAll()
  for (let work = atEnd.shift(); work !== undefined; work = atEnd.shift()) {
    work()
    sendAll()
  }
}

function sendAll(): void {
  for (let send = sends.shift(); send !== undefined; send = sends.shift()) send()
}
