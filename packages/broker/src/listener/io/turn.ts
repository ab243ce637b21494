/**
 * The turn of the event loop that a back end is in: what it has read leads to output, which leaves
 * before the turn is over. An immediate for that would be one more thing to make for each message
 * that comes alone. There is one turn at a time in a thread.
 */
let isIn = false
let atEnd: (() => void)[] = []
/** An immediate will end a turn, for work that was put off outside of any. */
let isExpected = false
let sends: (() => void)[] = []

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

/** Does what was put off, and what that puts off in turn. */
export function endTurn(): void {
  sendAll()
  while (atEnd.length > 0) {
    const works = atEnd
    atEnd = []
    let done = 0
    try {
      for (; done < works.length; sendAll()) (works[done++] as () => void)()
    } finally {
      // One that fails does not keep the others from being done.
      if (done < works.length) atEnd = [...works.slice(done), ...atEnd]
    }
  }
}

function sendAll(): void {
  if (sends.length === 0) return
  const all = sends
  sends = []
  for (const send of all) send()
}
