import type { Link } from '@busbar/protocol'
import { parts } from '#platform'
import { ClientError } from './errors.ts'
import type { ClientOptions, Credentials } from './options.ts'
import type { OpenTransport, Transport, TransportEvents } from './transport/transport.ts'

/** Where to connect: a URL, or the end of a connection within the process. */
export type Target = string | URL | Link | (() => Link)

/** Where to, and how. */
export interface Destination {
  /** Changes where the application follows a redirect. */
  readonly target: Target
  readonly options: ClientOptions
  /** That of the platform. */
  readonly openTransport: OpenTransport
}

/** A URL may name who logs in. */
export function credentialsOf(target: Target): Credentials {
  return typeof target === 'string' || target instanceof URL ? parseUrl(target).credentials : {}
}

/** Throws what the target says, when there is none today. */
export async function open(
  { target, options, openTransport }: Destination,
  events: TransportEvents,
  signal: AbortSignal,
): Promise<Transport> {
  const given = typeof target === 'function' ? target() : target
  if (isLink(given)) {
    const { openLink } = await parts.link()
    return openLink(given, events)
  }
  const { tls, transport = openTransport } = options
  return await transport({ url: parseUrl(given).url, tls }, events, signal)
}

/** Whether there is no second connection to it. */
export function isLink(target: Target): target is Link {
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
