import { Fifo } from './fifo.ts'

/** Somebody who has had its share. */
interface Participant {
  /** The others have had their turn. */
  goOn(): void
}

/** Deliveries that one connection may cause before the others have their turn: some milliseconds. */
const share = 10_000

/** Whoever causes so many with what was read at once goes on after those who cause less. */
const much = 200

/** What those who have waited may cause together in a turn of the event loop: a few milliseconds. */
const shareOfWaiting = 4_000

/**
 * Who causes a lot of deliveries waits for its round: such connections go on one after the other, so
 * many in each turn of the event loop, and in between everybody else is served at once. When there is
 * nobody else, the turns follow each other without a pause, and nobody loses anything.
 */
export class Rounds {
  readonly #waiting = new Fifo<{ readonly participant: Participant; readonly caused: number }>()

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** `caused`: deliveries, whether they were sent, queued or dropped. */
  isShareUp(caused: number): boolean {
    return caused > share
  }

  isMuch(caused: number): boolean {
    return caused > much
  }

  wait(participant: Participant, caused: number): void {
    this.#waiting.push({ participant, caused })
  }

  /** Once in each turn of the event loop. Who goes on is expected to cause as much as the last time. */
  next(): void {
    let left = shareOfWaiting
    while (left > 0) {
      const waiting = this.#waiting.shift()
      if (waiting === undefined) return
      left -= Math.max(1, waiting.caused)
      waiting.participant.goOn()
    }
  }
}
