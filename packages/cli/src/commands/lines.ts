/** A line longer than MQTT can carry is not read to its end. */
const longestLine = 268_435_455

/** The lines of a stream, without their \n; what follows the last \n is one if there is anything. */
export async function* readLines(stream: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let parts: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream) {
    let at = 0
    for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, at)) {
      yield join([...parts, chunk.subarray(at, end)])
      parts = []
      length = 0
      at = end + 1
    }
    const rest = chunk.subarray(at)
    length += rest.length
    if (length > longestLine) throw new RangeError('a line is longer than a message can be')
    if (rest.length > 0) parts.push(rest)
  }
  if (parts.length > 0) yield join(parts)
}

const newline = 0x0a

/** The bytes on their own: a chunk may be used again. */
function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts))
}
