import type { SessionStore } from '../store/session-store.ts'
import type { OpenTransport } from '../transport/transport.ts'
import type { Parts } from './parts.ts'

// What Node and browsers each have in their own way. The core imports it as `#platform`, which
// package.json leads to `node/platform.ts` or `browser/platform.ts`; the compiler is led here.

/** TCP, TLS, WebSocket and Unix sockets, as far as the platform has them. */
export declare const openTransport: OpenTransport

/**
 * Calls back when the network may be there again, as a page hears; Node hears nothing of it. Returns
 * what ends that.
 */
export declare function watchNetwork(isBack: () => void): () => void

/** Tells Node's diagnostics_channel `busbar:client`; a browser has none. */
export declare function diagnose(event: object): void

/** What is loaded when it is first used. */
export declare const parts: Parts

/** A Reason Code for the texts of errors: its name, or in browsers its number, which is shorter. */
export declare function nameOfReasonCode(reasonCode: number): string

/**
 * Keeps a session in a file of Node, made when it is missing; its folder has to be there. A browser
 * has none: it throws there.
 */
export declare function fileStore(path: string): SessionStore

/**
 * Keeps a session in the IndexedDB of a page or worker. Node has none: it throws
 * there.
 */
export declare function indexedDbStore(name: string): SessionStore
