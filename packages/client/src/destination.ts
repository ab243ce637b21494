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
    const { target } = this
    return typeof target === 'string' || target instanceof URL ? parseUrl(target).credentials : {}
  }

  /** Throws what the target says, when there is none today. */
  async open(events: TransportEvents, signal: AbortSignal): Promise<Transport> {
    const given = typeof this.target === 'function' ? this.target() : this.target
    if (isLink(given)) {
      const { openLink } = await parts.link()
      return openLink(given, events)
    }
    const { url } = parseUrl(given)
    return await this.#open({ url, tls: this.#options.tls }, events, signal)
  }
}

function isLink(target: Target): target is Link {
  return typeof target === 'object' && !(target instanceof URL)
}

function parseUrl(given: string | URL): { readonly url: URL; readonly credentials: Credentials } {
  try {
    const url = new URL(given)
    const { username, password } = url
    const credentials = {
      ...(username && { username: decodeURIComponent(username) }),
      ...(password && { password: decodeURIComponent(password) }),
    }
    return { url, credentials }
  } catch (cause) {
    const text = 'not a URL, as mqtt://host:1883 is one, with % for escapes only'
    throw new ClientError('invalid-argument', text, { cause })
  }
}
