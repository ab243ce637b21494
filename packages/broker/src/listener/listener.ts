import type { Entry } from '../admission.ts'
import type { Transport, TransportEvents } from '../transport.ts'
import { portHolder } from './port-holder.ts'
import type { TlsFiles } from './tls-files.ts'

/** A place where clients connect, open until it is disposed of. */
export interface Listener extends AsyncDisposable {
  readonly kind: 'tcp' | 'ws' | 'unix'
  /** With the port that was taken, as in `mqtt://127.0.0.1:1883` or `wss://[::1]:8083/mqtt`. */
  readonly url: string
  /** Takes no new connections; those that are open stay. */
  stopAccepting(): void
  /** New TLS handshakes use these files; false when they hold what they held before. */
  replaceFiles?(files: TlsFiles): boolean
}

/** The core's side of a connection that has just come, and that had to ask for its `entry` before. */
export type Accept = (transport: Transport, entry?: Entry) => TransportEvents

/** What every listener that opens a port needs. */
export interface PortOptions {
  /** Without brackets. */
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Others of this process listen on the same port; the system deals the connections out. */
  readonly sharesPort?: boolean | undefined
  /** How long an ending connection may take to send what is left. */
  readonly closeTimeoutMs: number
}

/** Connections that the system holds until the event loop gets to them; many come after a restart. */
export const backlog = 4_096

/** A port could not be opened. The message is one sentence for the operator. */
export class ListenError extends Error {
  override readonly name = 'ListenError'
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function hostAndPort(host: string, port: number): string {
  // Neither a name nor an IPv4 address has one; the test for IPv6 is a long expression.
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Puts the failure to open a port into words; `flag` is what the operator can change. */
export async function listenError(
  error: NodeJS.ErrnoException,
  { host, port }: PortOptions,
  flag: '--port' | '--ws-port',
): Promise<ListenError> {
  const cannot = `Cannot listen on ${hostAndPort(host, port)}: `
  switch (error.code) {
    case 'EADDRINUSE': {
      const holder = await portHolder(port)
      const by = holder === undefined ? '' : ` by ${holder}`
      return new ListenError(`${cannot}the port is in use${by}; \`${flag} 0\` takes a free one.`, {
        cause: error,
      })
    }
    case 'EACCES':
      return new ListenError(`${cannot}this user may not open the port.`, { cause: error })
    case 'EADDRNOTAVAIL':
      return new ListenError(`${cannot}this machine does not have the address.`, { cause: error })
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new ListenError(`${cannot}the host name has no address.`, { cause: error })
    default:
      return new ListenError(`${cannot}${error.message}.`, { cause: error })
  }
}
