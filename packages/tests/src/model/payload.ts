const encoder = new TextEncoder()
const decoder = new TextDecoder()

const newline = 0x0a

/** Names one message in all logs: the client that sent it and its number there, as `c1:17`. */
export type MessageName = string

/** What a payload says of itself. */
export interface NumberedPayload {
  readonly run: string
  readonly message: MessageName
  /** The padding is what was sent. */
  readonly isIntact: boolean
}

/** Run, publisher and number, and as many bytes of padding as are asked for. */
export function writePayload(run: string, message: MessageName, padding = 0): Uint8Array {
  const head = encoder.encode(`${run} ${message} ${padding}\n`)
  const payload = new Uint8Array(head.length + padding)
  payload.set(head)
  for (let i = 0; i < padding; i++) payload[head.length + i] = (i * 7 + padding) & 0xff
  return payload
}

/** Undefined for what `writePayload` has not written. */
export function readPayload(payload: Uint8Array): NumberedPayload | undefined {
  const end = payload.indexOf(newline)
  if (end < 0) return undefined
  const [run, message, length] = decoder.decode(payload.subarray(0, end)).split(' ')
  if (run === undefined || message === undefined || length === undefined) return undefined
  const padding = Number(length)
  let isIntact = payload.length === end + 1 + padding
  for (let i = 0; isIntact && i < padding; i++) {
    isIntact = payload[end + 1 + i] === ((i * 7 + padding) & 0xff)
  }
  return { run, message, isIntact }
}

/** Who sent a message. */
export function publisherOf(message: MessageName): string {
  return message.slice(0, message.lastIndexOf(':'))
}

/** Its number among the messages of its publisher. */
export function sequenceOf(message: MessageName): number {
  return Number(message.slice(message.lastIndexOf(':') + 1))
}
