import type { Group } from './group.ts'
import type { Packed } from './packed.ts'
import type { Scan, Sync } from './sqlite-engine.ts'
import type { FileOptions } from './sqlite-file.ts'

/** What the main thread says to the worker of the store. Answered in order, but for a backup. */
export type Request =
  | { readonly kind: 'scan' }
  | { readonly kind: 'group'; readonly group: Group; readonly sync: Sync }
  | {
      readonly kind: 'page'
      readonly session: number
      readonly after: number
      readonly until: number
      readonly limit: number
    }
  | { readonly kind: 'backup'; readonly file: string; readonly overwrite: boolean }
  | { readonly kind: 'close' }

/** What the worker answers. */
export type Reply =
  | { readonly kind: 'opened' }
  | { readonly kind: 'scanned'; readonly scan: Scan }
  | { readonly kind: 'applied' }
  /** The group has not been applied, because there is no room; the next one may be. */
  | { readonly kind: 'full'; readonly reason: string }
  | { readonly kind: 'page'; readonly packed: Packed }
  /** The reason why there is no backup, or none. */
  | { readonly kind: 'backed-up'; readonly reason: string | undefined }
  | { readonly kind: 'closed' }
  /** Nothing more is to be had from this worker. */
  | { readonly kind: 'failed'; readonly reason: string }

/** `workerData` of the worker. Functions cannot be handed over, so no migrations. */
export type WorkerOptions = Omit<FileOptions, 'migrations'>
