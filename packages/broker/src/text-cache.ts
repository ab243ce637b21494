/** Neighbours often have the same text, which need not be made again. */
export class TextCache {
  #text = ''

  read(bytes: Buffer, start: number, end: number): string {
    const text = this.#text
    if (text.length === end - start) {
      let i = 0
      while (i < text.length && text.charCodeAt(i) === bytes[start + i]) i++
      if (i === text.length) return text
    }
    const read = bytes.toString('utf8', start, end)
    // Of a text that is not ASCII, characters and bytes cannot be compared.
    if (read.length === end - start) this.#text = read
    return read
  }
}
