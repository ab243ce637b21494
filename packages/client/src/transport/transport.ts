/** An ordered stream of bytes to and from a server, as the client's core sees it. */
export interface Transport {
  /** Bytes handed to `send` that the system has not taken yet. */
  readonly bufferedBytes: number
  /** Sends bytes after all earlier ones. They are not changed afterwards. */
  send(bytes: Uint8Array): void
  /** Stops reading, so that the server feels backpressure. */
  pause(): void
  /** Reads on. */
  resume(): void
  /** Sends what was handed over, then closes; `closed` follows. */
  end(): void
  /** Closes at once; `closed` follows. */
  destroy(): void
}

/** The core's side of a Network Connection, called by the transport; never from within `send`. */
export interface TransportEvents {
  /** Bytes that arrived. They are the core's from now on: the transport must not reuse them. */
  receive(bytes: Uint8Array): void
  /** The system has taken all that was handed to `send`. */
  drained(): void
  /** The stream has ended; called once, with the error that ended it if there was one. */
  closed(error?: unknown): void
}

/** Where to, and how. */
export interface TransportTarget {
  /** `mqtt:`, `mqtts:`, `ws:`, `wss:`, `unix:` or what a transport of your own understands. */
  readonly url: URL
  /** For `mqtts:` and `wss:`, where the platform lets us choose. */
  readonly tls?: TlsOptions | undefined
}

/** Certificates and keys, in PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of the platform's. */
  readonly ca?: string | readonly string[]
  /** The certificate of the client, for servers that ask for one. */
  readonly cert?: string
  /** Its private key. */
  readonly key?: string
  /** What the key is encrypted with. */
  readonly passphrase?: string
  /** The name to ask for and to verify, instead of the URL's. */
  readonly serverName?: string
  /** False takes any certificate, from anybody. */
  readonly rejectUnauthorized?: boolean
}

/**
 * Opens a Network Connection; resolves when bytes can be sent. Rejects with what the platform says,
 * or with the signal's reason, and leaves nothing open then. No event comes before it resolves.
 */
export type OpenTransport = (
  target: TransportTarget,
  events: TransportEvents,
  signal: AbortSignal,
) => Promise<Transport>
