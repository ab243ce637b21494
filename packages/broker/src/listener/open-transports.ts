import { type Member, Members } from '../members.ts'

/** Those of a listener that are not closed yet. */
export class OpenTransports<T extends Member & { abandon(): void }> {
  readonly #open = new Members<T>()
  #whenEmpty: (() => void) | undefined

  add(transport: T): void {
    this.#open.add(transport)
  }

  delete(transport: T): void {
    this.#open.delete(transport)
    if (this.#open.size === 0) this.#whenEmpty?.()
  }

  /** Closes all of them, and resolves when the last has gone. */
  async close(): Promise<void> {
    for (const transport of this.#open) transport.abandon()
    if (this.#open.size === 0) return
    await new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
  }
}
