/**
 * Texts that many have, each kept once and known by a number: a Client Identifier may have 65,535
 * bytes, and would otherwise be in each of its messages.
 */
export class SharedTexts {
  readonly #numbers = new Map<string, number>()
  readonly #texts: string[] = []
  readonly #holders: number[] = []
  readonly #free: number[] = []
  #latest = -1

  /** One more holds it. */
  take(text: string): number {
    // Nearly always it is the one that came last.
    const number = this.#texts[this.#latest] === text ? this.#latest : this.#numberOf(text)
    this.#latest = number
    this.#holders[number] = (this.#holders[number] as number) + 1
    return number
  }

  text(number: number): string {
    return this.#texts[number] as string
  }

  /** One less holds it; after the last its number is another's. */
  give(number: number): void {
    const left = (this.#holders[number] as number) - 1
    this.#holders[number] = left
    if (left > 0) return
    this.#numbers.delete(this.#texts[number] as string)
    this.#texts[number] = ''
    this.#free.push(number)
    if (this.#latest === number) this.#latest = -1
  }

  #numberOf(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#free.pop() ?? this.#texts.length
    this.#numbers.set(text, number)
    this.#texts[number] = text
    this.#holders[number] = 0
    return number
  }
}
