import { readFile } from 'node:fs/promises'
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml'
import { ConfigError, type ConfigSource } from './config-error.ts'

/** A configuration that has been read and not yet checked: `parseConfig(file.input, file.source)`. */
export interface ConfigFile {
  readonly input: unknown
  readonly source: ConfigSource
}

/** Reads a YAML 1.2 file. Throws `ConfigError` when there is none, or it is not YAML. */
export async function readConfigFile(path: string): Promise<ConfigFile> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, readFailure(error))
  })
  return parseConfigText(decodeUtf8(bytes, path), path)
}

/** Why a file cannot be read, in words. */
export function readFailure(error: NodeJS.ErrnoException): string {
  return readFailures[error.code ?? ''] ?? error.message
}

const readFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'reading it is not permitted',
  EISDIR: 'it is a folder',
}

function unreadable(path: string, reason: string): ConfigError {
  return new ConfigError([{ place: path, path: '', text: `cannot be read: ${reason}` }])
}

function decodeUtf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw unreadable(path, 'it is not UTF-8 text')
  }
}

/** Reads YAML 1.2 text; `name` stands for the file in errors. */
export function parseConfigText(text: string, name: string): ConfigFile {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    version: '1.2',
    lineCounter: lines,
    prettyErrors: false,
    logLevel: 'error',
  })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return `${name}:${line}:${col}`
  }
  const faults = [...document.errors, ...document.warnings]
  if (faults.length > 0) {
    throw new ConfigError(
      faults.map(({ pos, message }) => ({ place: place(pos[0]), path: '', text: message })),
    )
  }
  // A key without a value, as a section whose lines are all commented out, is as good as absent.
  visit(document, { Pair: (_, { value }) => (isEmpty(value) ? visit.REMOVE : undefined) })
  const source = { locate: (path: readonly PropertyKey[]) => place(offsetOf(document, path)) }
  try {
    return { input: document.toJS({ maxAliasCount: 100 }) ?? {}, source }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new ConfigError([{ place: name, path: '', text: error.message }])
  }
}

function isEmpty(value: unknown): boolean {
  return value === null || (isScalar(value) && value.value === null)
}

/** Where the key, or the list entry, of a path begins; as far down as the document has it. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let offset = 0
  let node: unknown = document.contents
  for (const key of path) {
    const found = child(isAlias(node) ? node.resolve(document) : node, key)
    if (found === undefined) break
    offset = found.at.range?.[0] ?? offset
    node = found.value
  }
  return offset
}

function child(node: unknown, key: PropertyKey): { at: Node; value: unknown } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === String(key),
    )
    return pair && isNode(pair.key) ? { at: pair.key, value: pair.value } : undefined
  }
  const value: unknown = isSeq(node) ? node.items[Number(key)] : undefined
  return isNode(value) ? { at: value, value } : undefined
}
