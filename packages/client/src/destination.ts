import type { Link } from '@busbar/protocol'
import { parts } from '#platform'
import { ClientError } from './errors.ts'
import type { ClientOptions, Credentials } from './options.ts'
import type { OpenTransport, Transport, TransportEvents } from './transport/transport.ts'

/** Where to connect: a URL, or the end of a connection within the process. */
export type Target = string | URL | Link | (() => Link)

/** Where the server is, until it sends us elsewhere. */
export class Destination {
  /** Changes where the application follows a redirect. */
  target: Target
  readonly #options: ClientOptions
  readonly #open: OpenTransport

  constructor(target: Target, options: ClientOptions, openTransport: OpenTransport) {
    this.target = target
    this.#options = options
    this.#open = options.transport ?? openTransport
  }

  /** There is no second connection to it. */
  get isLink(): boolean {
    return isLink(this.target)
  }

  /** A URL may name who logs in. */
  get credentials(): Credentials {
    const target = this.target
    if (typeof target !== 'string' && !(target instanceof URL)) return {}
    const { username, password } = parseUrl(target)
    try {
      return {
        ...(username !== '' && { username: decodeURIComponent(username) }),
        ...(password !== '' && { password: decodeURIComponent(password) }),
      }
    } catch (cause) {
      throw new ClientError('invalid-argument', 'a % in the URL is not that of an escape', {
        cause,
      })
    }
  }

  /** Throws what the target says, when there is none today. */
  async open(events: TransportEvents, signal: AbortSignal): Promise<Transport> {
    const given = typeof this.target === 'function' ? this.target() : this.target
    if (isLink(given)) {
      const { openLink } = await parts.link()
      return openLink(given, events)
    }
    return await this.#open({ url: parseUrl(given), tls: this.#options.tls }, events, signal)
  }
}

function isLink(target: Target): target is Link {
  return typeof target === 'object' && !(target instanceof URL)
}

function parseUrl(given: string | URL): URL {
  try {
    return new URL(given)
  } catch (cause) {
    throw new ClientError('invalid-argument', 'not a URL, as mqtt://host:1883 is one', { cause })
  }
}
