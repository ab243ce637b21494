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
  /** Stops reading, so that the peer feels backpressure. */
  pause(): void
  resume(): void
  /** Sends what was written, then closes; closes anyway when the peer does not read in time. */
  end(): void
  /** Closes at once. */
  destroy(): void
}

/** The core's side of a Network Connection, called by the listener. */
export interface TransportEvents {
  /** Bytes that arrived; valid during the call only. */
  receive(bytes: Uint8Array): void
  /** The transport has taken what was pending. */
  drained(): void
  /** The stream has ended, for whatever reason; called once. */
  closed(): void
}
