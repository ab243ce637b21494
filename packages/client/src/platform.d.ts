// The only names of the platform that the core uses; Node, browsers and workers all have them.
interface AbortSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
  throwIfAborted(): void
}
declare class AbortController {
  readonly signal: AbortSignal
  abort(reason?: unknown): void
}
declare class URL {
  constructor(text: string | URL, base?: string)
  protocol: string
  hostname: string
  port: string
  pathname: string
  search: string
  username: string
  password: string
  readonly host: string
  readonly href: string
}
declare class TextEncoder {
  encode(source: string): Uint8Array
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes: Uint8Array): string
}
declare function setTimeout(run: () => void, ms: number): unknown
declare function clearTimeout(timer: unknown): void
declare function queueMicrotask(run: () => void): void
declare const performance: { now(): number }
declare class ReadableStream<T = unknown> {
  constructor(
    source: {
      pull?(controller: { enqueue(chunk: T): void; close(): void }): void | Promise<void>
      cancel?(): void | Promise<void>
    },
    strategy?: { highWaterMark: number },
  )
  getReader(): { read(): Promise<{ done: boolean; value?: T }>; cancel(): Promise<void> }
}
declare function atob(text: string): string
declare function btoa(text: string): string
