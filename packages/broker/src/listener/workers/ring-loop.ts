import { endTurn, inTurn, isInTurn } from '../io/turn.ts'
import type { RingReader, TakeRecord } from './shared-ring.ts'

/** Longest time that the event loop is kept from everything else. */
const turnMs = 1

/** Reads a ring whenever there is something in it, until it is stopped. */
export class RingLoop {
  readonly #reader: RingReader
  readonly #take: TakeRecord
  #isStopped = false
  #isReading = false
  #hasRead = false

  constructor(reader: RingReader, take: TakeRecord) {
    this.#reader = reader
    this.#take = take
  }

  start(): void {
    this.#turn()
  }

  stop(): void {
    this.#isStopped = true
  }

  /** All that is there now, however much it is; nothing where it is being read already. */
  readAll(): void {
    while (!this.#isReading && this.#read());
  }

  /** What this leads to is done before the next read, which takes the memory for others. */
  #read(): boolean {
    if (!isInTurn()) inTurn(this.#readSome)
    else {
      this.#readSome()
      endTurn()
    }
    return this.#hasRead
  }

  readonly #readSome = () => {
    this.#isReading = true
    try {
      this.#hasRead = this.#reader.read(this.#take)
    } finally {
      this.#isReading = false
    }
  }

  readonly #turn = () => {
    if (this.#isStopped) return
    const endsAt = performance.now() + turnMs
    while (this.#read()) {
      if (performance.now() < endsAt) continue
      setImmediate(this.#turn)
      return
    }
    const asleep = this.#reader.sleep()
    if (asleep === undefined) setImmediate(this.#turn)
    else void asleep.then(this.#turn)
  }
}
