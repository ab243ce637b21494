import { openTransport } from '#platform'
import { Client } from './client.ts'
import type { Target } from './destination.ts'
import type { ClientOptions } from './options.ts'

/**
 * Connects, and keeps connected. Resolves with the first CONNACK; rejects when the server refuses
 * for good, or when the signal or the deadline ends it. Transient failures are tried again.
 */
export async function connect(target: Target, options: ClientOptions = {}): Promise<Client> {
  const client = lazyConnect(target, options)
  await client.connected
  return client
}

/** The same for programs that begin with their outbox: returns at once, and connects on the side. */
export function lazyConnect(target: Target, options: ClientOptions = {}): Client {
  return new Client(target, options, openTransport)
}
