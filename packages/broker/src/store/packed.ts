/** Rows of the store on their way to the main thread: numbers and bytes, which are handed over whole. */
export interface Packed {
  readonly numbers: Float64Array<ArrayBuffer>
  readonly bytes: Uint8Array<ArrayBuffer>
}

/** `SELECT topic_bytes, payload_at, data`. */
export type MessageRow = [topicBytes: number, payloadAt: number, data: Uint8Array]

/** An entry with all its columns but the size. */
export type EntryRow = [
  position: number,
  session: number,
  state: number,
  packetIdentifier: number,
  flags: number,
  message: number,
  topicBytes: number,
  payloadAt: number,
  route: Uint8Array | null,
  data: Uint8Array | null,
]

const nothing = new Uint8Array(0)

/** `messageRow` reads what an entry refers to. */
export function packEntries(
  rows: readonly EntryRow[],
  messageRow: (id: number) => MessageRow,
): Packed {
  const numbers: number[] = []
  const parts: Uint8Array[] = []
  const apart = new Map<number, MessageRow>()
  for (const row of rows) {
    const [position, session, state, packetIdentifier, flags, message, , , route, data] = row
    let content: MessageRow = [row[6], row[7], data ?? nothing]
    if (message !== 0) {
      content = apart.get(message) ?? messageRow(message)
      apart.set(message, content)
    }
    const [topicBytes, payloadAt, bytes] = content
    const ofEntry = route ?? nothing
    numbers.push(session, position, state, packetIdentifier, flags, ofEntry.length)
    numbers.push(topicBytes, payloadAt, bytes.length)
    parts.push(ofEntry, bytes)
  }
  return pack(numbers, parts)
}

export function packMessages(rows: readonly MessageRow[]): Packed {
  const numbers = rows.flatMap(([topicBytes, payloadAt, data]) => [
    topicBytes,
    payloadAt,
    data.length,
  ])
  return pack(
    numbers,
    rows.map(([, , data]) => data),
  )
}

function pack(numbers: number[], parts: readonly Uint8Array[]): Packed {
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return { numbers: Float64Array.from(numbers), bytes }
}
