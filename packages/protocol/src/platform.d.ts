// The only names of the platform that this package uses; Node, browsers and workers all have them.
declare class TextEncoder {
  encodeInto(source: string, target: Uint8Array): { read: number; written: number }
  encode(source: string): Uint8Array
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(bytes: Uint8Array): string
}
