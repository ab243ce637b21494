import { property } from '../bytes.ts'
import type { ConnectOptions, Trial } from '../case.ts'
import type { ConnectedPeer } from '../connected-peer.ts'

/** A CONNECT whose Session outlives the connection by a minute; in 3.x until it is discarded. */
export function lasting(...properties: readonly Uint8Array[]): ConnectOptions {
  return { clean: false, properties: [property.sessionExpiryInterval(60), ...properties] }
}

/** Connects again as `peer` and finds its Session. */
export async function resume(
  t: Trial,
  peer: ConnectedPeer,
  ...properties: readonly Uint8Array[]
): Promise<ConnectedPeer> {
  const again = await t.connect({ ...lasting(...properties), clientId: peer.clientId })
  // The byte is reserved in 3.1.
  t.check(again.sessionPresent || t.version === 3, 'Session Present 0 at reconnect')
  return again
}
