import type { Config, ListenerConfig } from '../../config.ts'
import type { LogFields, LogLevel } from '../../log.ts'
import type { BackEndName } from '../io/back-end.ts'
import type { TlsMaterial } from '../tls-files.ts'
import type { Rings } from './core-end.ts'

/** `workerData` of a worker. */
export interface WorkerStart {
  readonly rings: Rings
  /** What carries the bytes of plain TCP. */
  readonly backEnd: BackEndName
  readonly isDebugged: boolean
}

/** A listener as a worker opens it. */
export interface Place {
  readonly listener: ListenerConfig
  readonly config: Pick<Config, 'limits' | 'mqtt'>
  readonly material: TlsMaterial | undefined
}

/** What the main thread says to a worker, beside the orders for connections. */
export type Request =
  | { readonly kind: 'listen'; readonly number: number; readonly place: Place }
  | { readonly kind: 'stop-accepting'; readonly number: number }
  | { readonly kind: 'replace-files'; readonly number: number; readonly material: TlsMaterial }
  | { readonly kind: 'close'; readonly number: number }
  | { readonly kind: 'debug'; readonly isOn: boolean }
  | { readonly kind: 'stop' }

export type Reply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'listening'; readonly number: number; readonly url: string }
  /** The sentence of a `ListenError`. */
  | { readonly kind: 'cannot-listen'; readonly number: number; readonly text: string }
  | { readonly kind: 'closed'; readonly number: number }
  | {
      readonly kind: 'log'
      readonly level: LogLevel
      readonly event: string
      readonly fields: LogFields
    }
  /** A defect: the worker closes what it holds and ends. */
  | { readonly kind: 'failed'; readonly error: unknown }
