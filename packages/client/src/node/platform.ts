import { channel } from 'node:diagnostics_channel'
import { ClientError } from '../errors.ts'
import type { SessionStore } from '../store/session-store.ts'
import type { OpenTransport } from '../transport/transport.ts'
import { openSocket } from './socket.ts'
import { openWebSocket } from './websocket.ts'

export { reasonCodeName as nameOfReasonCode } from '@busbar/protocol'
export { fileStore } from './file-store.ts'
export { parts } from './parts.ts'

export const openTransport: OpenTransport = (target, events, signal) => {
  switch (target.url.protocol) {
    case 'mqtt:':
    case 'mqtts:':
    case 'unix:':
      return openSocket(target, events, signal)
    case 'ws:':
    case 'wss:':
      return openWebSocket(target, events, signal)
    default:
      return Promise.reject(unknownScheme(target.url))
  }
}

const events = channel('busbar:client')

export function diagnose(event: object): void {
  if (events.hasSubscribers) events.publish(event)
}

export function watchNetwork(_isBack: () => void): () => void {
  return () => {}
}

function unknownScheme({ protocol }: URL): ClientError {
  const message = `${protocol} is none of mqtt:, mqtts:, ws:, wss: and unix:`
  return new ClientError('invalid-argument', message)
}

export function indexedDbStore(_name: string): SessionStore {
  throw new ClientError('invalid-argument', 'Node has no IndexedDB; fileStore() keeps a session')
}
