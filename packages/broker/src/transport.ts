import type { PeerCertificate } from './access/authenticator.ts'

/** A stream of bytes to and from one client, as the core sees it. Implemented by each listener. */
export interface Transport {
  /** The peer for logs and limits, such as `127.0.0.1:51234`; never used as a key. */
  readonly address: string
  /** What the peer has proven to be; left out without TLS, or without a certificate. */
  readonly certificate?: PeerCertificate | undefined
  /** Bytes handed to `write` that the system has not taken yet. */
  readonly pendingBytes: number
  /**
   * Whether it needs what was handed to `write` no longer when `pendingBytes` is 0 afterwards. What
   * waits, and everything where this is not true, must not be changed afterwards.
   */
  readonly takesBytesAtOnce?: boolean
  /** Sends bytes after all earlier ones. */
  write(bytes: Uint8Array): void
  /**
   * The same with part of an array, which it does not need any more when all output of a turn has been
   * handed over, and before anything else is done: what has to wait, it has copied then. Left out by
   * transports that cannot promise that.
   */
  writePart?(bytes: Uint8Array, start: number, end: number): void
  /** Stops reading, so that the peer feels backpressure. */
  pause(): void
  resume(): void
  /**
   * Calls back, later, when what the peer has sent up to now has been received. Left out where others
   * cannot overtake it, because the same thread reads all of them in the order in which they came.
   */
  hear?(heard: () => void): void
  /** Receives what has come at once, where it would have to wait behind others. */
  readNow?(): void
  /**
   * Sends what was written, then closes; closes anyway when the peer does not read in time. `isHeard`:
   * the peer has said its last word, so nobody has to wait for its end.
   */
  end(isHeard?: boolean): void
  /** Closes at once. */
  destroy(): void
}

/** A transport that sends parts of arrays. */
export type PartTransport = Transport & Required<Pick<Transport, 'writePart'>>

export function takesParts(transport: Transport): transport is PartTransport {
  return transport.writePart !== undefined
}

/** The core's side of a Network Connection, called by the listener. */
export interface TransportEvents {
  /** Bytes that arrived; valid during the call only. */
  receive(bytes: Uint8Array): void
  /**
   * The same with part of an array, valid until output of this turn has been handed over. Left out by
   * who does not look at parts: `receive` is called instead.
   */
  receivePart?(bytes: Uint8Array, start: number, end: number): void
  /** The transport has taken what was pending. */
  drained(): void
  /** The stream has ended, for whatever reason; called once. */
  closed(): void
}
