import { parseTopicFilter, type TopicFilter } from '@busbar/protocol'
import type { Subject } from './access.ts'

/** A piece of a level: text, or what is known of the client. */
type Piece = string | { readonly variable: 'user' | 'client' } | { readonly claim: string }

/** A Topic Filter with variables, as a rule has it. */
export interface TopicPattern {
  readonly text: string
  readonly levels: readonly (readonly Piece[])[]
}

const token = /%%|%c|%u|%\{([^{}%]+)\}|%/gu

/**
 * Reads a Topic Filter in which `%c` is the Client Identifier, `%u` the user, `%{name}` a variable
 * and `%%` a percent sign. Throws an Error whose message says what is wrong.
 */
export function parseTopicPattern(text: string): TopicPattern {
  const levels = text.split('/').map(readLevel)
  const example = levels.map((pieces) =>
    pieces.map((piece) => (typeof piece === 'string' ? piece : 'x')).join(''),
  )
  const filter = example.join('/')
  parseTopicFilter(filter)
  if (filter.startsWith('$share/')) throw new Error('Rules are for the topics behind $share/NAME/')
  return { text, levels }
}

function readLevel(level: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  for (const found of level.matchAll(token)) {
    if (found.index > at) pieces.push(level.slice(at, found.index))
    pieces.push(readToken(found[0], found[1]))
    at = found.index + found[0].length
  }
  if (at < level.length) pieces.push(level.slice(at))
  return pieces
}

function readToken(text: string, claim: string | undefined): Piece {
  if (claim !== undefined) return { claim }
  if (text === '%%') return '%'
  if (text === '%c') return { variable: 'client' }
  if (text === '%u') return { variable: 'user' }
  throw new Error('Topic Filter has a % that is no variable: there are %c, %u, %{name} and %%')
}

/**
 * The filter that the pattern is for a client; undefined when it matches nothing for it. A value
 * stands for itself within one level: one that has `/`, `+` or `#` matches nothing, and so does one
 * that would lead to topics that begin with `$`. What is denied is denied to a value with `/` as well.
 * An unknown claim may be anything that is allowed.
 */
export function resolvePattern(
  { levels }: TopicPattern,
  subject: Subject,
  isAllowing: boolean,
): TopicFilter | undefined {
  const texts: string[] = []
  for (const pieces of levels) {
    const text = resolveLevel(pieces, subject, isAllowing)
    if (text === undefined || (text === unknown && !isAllowing)) return undefined
    texts.push(text === unknown ? '+' : text)
  }
  const filter = texts.join('/')
  const isHidden = filter.startsWith('$') && !startsWithDollar(levels[0])
  // What comes from outside cannot make it another filter than the one that was checked.
  return isHidden ? undefined : (filter as TopicFilter)
}

const unknown = Symbol()

function resolveLevel(
  pieces: readonly Piece[],
  subject: Subject,
  isAllowing: boolean,
): string | typeof unknown | undefined {
  let text = ''
  let isUnknown = false
  for (const piece of pieces) {
    const value = valueIn(piece, subject, isAllowing)
    if (value === undefined) return undefined
    if (value === unknown) isUnknown = true
    else text += value
  }
  return isUnknown ? unknown : text
}

function valueIn(
  piece: Piece,
  subject: Subject,
  isAllowing: boolean,
): string | typeof unknown | undefined {
  if (typeof piece === 'string') return piece
  if ('claim' in piece && subject.variables === undefined) return unknown
  const value =
    'claim' in piece
      ? subject.variables?.get(piece.claim)
      : piece.variable === 'user'
        ? subject.user
        : subject.clientIdentifier
  return isFit(value, isAllowing) ? value : undefined
}

/** Whether it can be, or be a part of, one level of a Topic Name; of some levels to deny them. */
function isFit(value: string | undefined, isAllowing: boolean): boolean {
  if (value === undefined || value === '') return false
  return !(isAllowing ? /[+#/\0]/ : /[+#\0]/).test(value)
}

function startsWithDollar(level: readonly Piece[] | undefined): boolean {
  const first = level?.[0]
  return typeof first === 'string' && first.startsWith('$')
}
