import type { Config } from './config.ts'

const levels = ['error', 'warn', 'info', 'debug'] as const

export type LogLevel = (typeof levels)[number]

/** What an event is about. Text from the network may be handed in as it is. */
export type LogFields = Readonly<Record<string, unknown>>

/** One line per event. */
export interface Log {
  /** Whether events of this level are written: ask before making costly fields. */
  isOn(level: LogLevel): boolean
  error(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  info(event: string, fields?: LogFields): void
  debug(event: string, fields?: LogFields): void
}

/** A log whose level can change while it is used. */
export interface AdjustableLog extends Log {
  setLevel(level: LogLevel): void
}

export interface LogOptions {
  /** Takes one line, its newline included; standard error when left out. */
  readonly write?: (line: string) => void
  readonly wallNow?: () => number
}

/** What is said of a line's fields at most, so that no client can fill the disk with one name. */
const longestText = 512

/** Writes events of the configured level and above, one line each. */
export function createLog(config: Config['log'], options: LogOptions = {}): AdjustableLog {
  const write = options.write ?? ((line: string) => void process.stderr.write(line))
  const wallNow = options.wallNow ?? Date.now
  const lineOf = config.format === 'json' ? jsonLine : textLine
  let threshold = levels.indexOf(config.level)
  const isOn = (level: LogLevel) => levels.indexOf(level) <= threshold
  const writer = (level: LogLevel) => {
    return (event: string, fields: LogFields = {}) => {
      if (isOn(level)) write(lineOf(new Date(wallNow()).toISOString(), level, event, fields))
    }
  }
  return {
    isOn,
    setLevel(level) {
      threshold = levels.indexOf(level)
    },
    error: writer('error'),
    warn: writer('warn'),
    info: writer('info'),
    debug: writer('debug'),
  }
}

/** A log that keeps nothing, for tests and embedders. */
export const silentLog: Log = {
  isOn: () => false,
  error() {},
  warn() {},
  info() {},
  debug() {},
}

function textLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  let line = `${time} ${level.padEnd(5)} ${printable(event)}`
  for (const [name, value] of Object.entries(fields)) {
    if (value !== undefined) line += ` ${printable(name)}=${textValue(loggable(name, value))}`
  }
  return `${line}\n`
}

function textValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return printable(JSON.stringify(value))
  const text = String(value)
  const isBare = text !== '' && !/[\s"'=\\]/u.test(text) && printable(text) === text
  return isBare ? text : `"${printable(text).replaceAll('"', '\\"')}"`
}

function jsonLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  const record: Record<string, unknown> = { time, level, event }
  for (const [name, value] of Object.entries(fields)) {
    record[Object.hasOwn(record, name) ? `${name}_` : name] = loggable(name, value)
  }
  return `${JSON.stringify(record).replaceAll(unprintable, jsonEscape)}\n`
}

const secretName =
  /password|passphrase|secret|token|credential|authorization|authenticationdata|privatekey|storedkey|serverkey|saltedkey/i

/** The value as it may be shown: secrets left out, bytes counted, text cut. */
function loggable(name: string, value: unknown, depth = 0): unknown {
  if (secretName.test(name.replaceAll(/[-_\s]/g, ''))) return '[secret]'
  if (typeof value === 'string') return shortened(value)
  if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  if (typeof value === 'function') return '[function]'
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Error) return shortened(value.stack ?? String(value), 8 * longestText)
  // Bytes are payloads, passwords or keys: never shown.
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (depth === 3) return '[…]'
  if (Array.isArray(value)) return value.slice(0, 20).map((item) => loggable('', item, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, 20)
      .map(([key, item]) => [shortened(key), loggable(key, item, depth + 1)]),
  )
}

function shortened(text: string, length = longestText): string {
  return text.length <= length ? text : `${text.slice(0, length)}… (${text.length} characters)`
}

/**
 * What could forge a line or command a terminal: controls, format characters (bidirectional
 * overrides and zero-width ones among them), line separators, halves of a surrogate pair.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** Makes text from the network safe to show on one line: `\u{1b}` for what is not printable. */
export function printable(text: string): string {
  return text
    .replaceAll('\\', '\\\\')
    .replaceAll('\n', '\\n')
    .replaceAll(unprintable, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

function jsonEscape(character: string): string {
  return Array.from({ length: character.length }, (_, index) => character.charCodeAt(index))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('')
}
