import { ClientError } from '../errors.ts'
import type { SessionStore } from '../store/session-store.ts'
import type { OpenTransport } from '../transport/transport.ts'
import { openWebSocket } from './websocket.ts'

export { indexedDbStore } from './indexed-db-store.ts'
export { parts } from './parts.ts'
export { watchNetwork } from './watch-network.ts'

export const openTransport: OpenTransport = (target, events, signal) => {
  const { protocol } = target.url
  if (protocol === 'ws:' || protocol === 'wss:') return openWebSocket(target, events, signal)
  const message = `a browser has ws: and wss: only, not ${protocol}`
  return Promise.reject(new ClientError('invalid-argument', message))
}

export function nameOfReasonCode(reasonCode: number): string {
  return `Reason Code 0x${reasonCode.toString(16).padStart(2, '0')}`
}

export function diagnose(_event: object): void {}

export function fileStore(_path: string): SessionStore {
  const message = 'a browser has no files; indexedDbStore() keeps a session'
  throw new ClientError('invalid-argument', message)
}
