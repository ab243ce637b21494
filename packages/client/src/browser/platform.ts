import { ClientError } from '../errors.ts'
import type { SessionStore } from '../store/session-store.ts'

export { indexedDbStore } from './indexed-db-store.ts'
export { parts } from './parts.ts'
export { watchNetwork } from './watch-network.ts'
export { openWebSocket as openTransport } from './websocket.ts'

export function nameOfReasonCode(reasonCode: number): string {
  return `Reason Code 0x${reasonCode.toString(16).padStart(2, '0')}`
}

export function diagnose(_event: object): void {}

export function fileStore(_path: string): SessionStore {
  const message = 'a browser has no files; indexedDbStore() keeps a session'
  throw new ClientError('invalid-argument', message)
}
