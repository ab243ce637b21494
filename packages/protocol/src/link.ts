/** One end of an ordered, lossless stream of bytes in the same process [MQTT5-4.2.0-1]. */
export interface Link {
  /** Hands bytes to the other end. They must not be changed afterwards. */
  send(bytes: Uint8Array): void
  /** Called with what the other end sent; the bytes are valid for the call only. */
  receive: (bytes: Uint8Array) => void
  /** Called once when the other end has closed. */
  closed: () => void
  /** Closes both ends; the other end's `closed` is called. */
  close(): void
}
