import { ClientError } from '../errors.ts'
import { isTopicName, topicNameRule } from '../topic-text.ts'
import type { ParamValue } from './pattern-types.ts'

/** One level of a pattern: text, or a parameter. */
type Level =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'one' | 'int' | 'rest'; readonly name: string }

type Values = Readonly<Record<string, ParamValue>>

/** A pattern or a parameter of it that cannot be. */
export class TopicError extends ClientError {
  override readonly name = 'TopicError'

  constructor(message: string, options?: ErrorOptions) {
    super('invalid-topic', message, options)
  }
}

const wholeNumber = /^(?:0|-?[1-9][0-9]*)$/

/** A pattern such as `sensors/{site}/{id:int}`, taken apart once. */
export class Pattern {
  readonly text: string
  readonly filter: string
  readonly #levels: readonly Level[]
  readonly #names: ReadonlySet<string>

  /** Throws `TopicError`. */
  constructor(text: string) {
    this.text = text
    this.#levels = text.split('/').map((level) => parseLevel(level, text))
    const names = this.#levels.flatMap((level) => (level.kind === 'text' ? [] : [level.name]))
    this.#names = new Set(names)
    if (this.#names.size < names.length) throw new TopicError(`${text} has a parameter twice`)
    const rest = this.#levels.findIndex(({ kind }) => kind === 'rest')
    if (rest !== -1 && rest !== this.#levels.length - 1) {
      throw new TopicError(`${text} has levels behind its {name...}, which takes all that follow`)
    }
    this.filter = this.#levels.map(wildcard).join('/')
    checkTopicName(text, text)
  }

  /** The Topic Name with these values; throws `TopicError` for values that do not fit. */
  fill(values: Values): string {
    for (const name of Object.keys(values)) {
      if (!this.#names.has(name)) throw new TopicError(`${this.text} has no parameter {${name}}`)
    }
    const levels: string[] = []
    for (const level of this.#levels) {
      if (level.kind === 'text') levels.push(level.text)
      else levels.push(...this.#write(level, values, levels.length === 0))
    }
    return checkTopicName(levels.join('/'), this.text)
  }

  #write({ kind, name }: Level & { name: string }, values: Values, isFirst: boolean): string[] {
    if (!Object.hasOwn(values, name)) throw this.#fault(name, 'is missing')
    const value = values[name]
    if (kind === 'int') {
      if (!Number.isSafeInteger(value)) throw this.#fault(name, 'is not a whole number')
      return [String(value)]
    }
    const levels: unknown = kind === 'rest' ? value : [value]
    if (!Array.isArray(levels)) throw this.#fault(name, 'is not a list of levels')
    for (const [at, level] of levels.entries()) {
      const reason = refusal(level, isFirst && at === 0)
      if (reason !== undefined) throw this.#fault(name, reason)
    }
    return levels
  }

  #fault(name: string, reason: string): TopicError {
    return new TopicError(`topic parameter {${name}} of ${this.text} ${reason}`)
  }

  /** What the parameters are in this Topic Name; undefined where it is none of this pattern. */
  match(topicName: string): Values | undefined {
    const levels = topicName.split('/')
    const hasRest = this.#levels.at(-1)?.kind === 'rest'
    if (hasRest ? levels.length < this.#levels.length - 1 : levels.length !== this.#levels.length) {
      return undefined
    }
    // Wildcards do not stand for names of the server's own [MQTT5-4.7.2-1].
    if (this.#levels[0]?.kind !== 'text' && topicName.startsWith('$')) return undefined
    const values: [string, ParamValue][] = []
    for (const [at, level] of this.#levels.entries()) {
      if (level.kind === 'text') {
        if (level.text !== levels[at]) return undefined
        continue
      }
      const value = readLevel(level.kind, levels, at)
      if (value === undefined) return undefined
      values.push([level.name, value])
    }
    return Object.fromEntries(values)
  }
}

/** Length and characters, which the standard limits. */
function checkTopicName(name: string, pattern: string): string {
  if (isTopicName(name)) return name
  throw new TopicError(`${pattern} gives another text: ${topicNameRule}`)
}

function parseLevel(text: string, pattern: string): Level {
  const [, name, type, dots] = /^\{([A-Za-z_$][\w$]*)(?::(\w+))?(\.\.\.)?\}$/.exec(text) ?? []
  if (name === undefined) {
    if (!/[{}+#]/.test(text)) return { kind: 'text', text }
    throw new TopicError(
      `level ${text} of ${pattern} is neither text nor {name}, {name:int} or {name...}`,
    )
  }
  if (type === undefined) return { kind: dots === undefined ? 'one' : 'rest', name }
  if (type === 'int' && dots === undefined) return { kind: 'int', name }
  throw new TopicError(`topic parameter ${text} of ${pattern} has a type that there is not`)
}

function wildcard(level: Level): string {
  if (level.kind === 'text') return level.text
  return level.kind === 'rest' ? '#' : '+'
}

/** Why a value cannot be a level. */
function refusal(value: unknown, isFirst: boolean): string | undefined {
  if (typeof value !== 'string') return 'is not text'
  // Allowed by the standard, and nearly always a value that was missing.
  if (value === '') return 'is empty'
  if (value.includes('/')) return 'has a /'
  if (value.includes('+') || value.includes('#')) return 'has a wildcard'
  if (value.includes('\0')) return 'has U+0000'
  if (isFirst && value.startsWith('$')) return 'begins with $, which is for the server'
  return undefined
}

function readLevel(
  kind: 'one' | 'int' | 'rest',
  levels: readonly string[],
  at: number,
): ParamValue | undefined {
  if (kind === 'rest') return levels.slice(at)
  const level = levels[at]
  if (kind === 'one' || level === undefined) return level
  const number = Number(level)
  return wholeNumber.test(level) && Number.isSafeInteger(number) ? number : undefined
}
