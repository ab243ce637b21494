import type { ProtocolError } from '../errors.ts'

/** The characters with a meaning in topics, as UTF-16 code units. */
export const hash = 0x23
export const dollar = 0x24
export const plus = 0x2b
export const slash = 0x2f

/** The length of a Topic Name or Topic Filter in UTF-8 at most [MQTT5-4.7.3-3]. */
const maximumTopicBytes = 65_535

/** Makes the error that names what the text was to be. */
type TopicFault = (message: string, statement?: string) => ProtocolError

/** What distinguishes a Topic Name from a Topic Filter. */
export interface TopicRules {
  readonly maximumLevels: number
  readonly fault: TopicFault
  /** Throws for a wildcard that may not stand there. */
  checkWildcard(text: string, at: number): void
}

/** The end of the level that starts at `start`. Not by `indexOf`, which costs more than most levels. */
export function levelEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && text.charCodeAt(at) !== slash) at++
  return at
}

/** Checks what Topic Names and Topic Filters have in common (section 4.7). */
export function checkTopic(
  text: string,
  { maximumLevels, fault, checkWildcard }: TopicRules,
): void {
  if (text === '') throw fault('is empty', 'MQTT5-4.7.3-1')
  let bytes = text.length
  let levels = 1
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at)
    if (unit === slash) levels++
    else if (unit === plus || unit === hash) checkWildcard(text, at)
    else if (unit < 0x20 || unit > 0x7e) bytes += extraBytes(text, at, fault)
  }
  if (bytes > maximumTopicBytes) throw fault('is longer than 65,535 bytes', 'MQTT5-4.7.3-3')
  if (levels > maximumLevels) throw fault(`has more than ${maximumLevels} levels`)
}

/**
 * What the code unit at `at`, which is not printable ASCII, adds to the length in UTF-8 beyond one
 * byte. Throws `fault` for characters that topics may not have.
 */
function extraBytes(text: string, at: number, fault: TopicFault): number {
  const point = text.codePointAt(at) as number
  if (point === 0) throw fault('has U+0000', 'MQTT5-4.7.3-2')
  if (point < 0x20 || (point >= 0x7f && point <= 0x9f)) {
    throw fault('has a control character', 'U5-1.5.4-a')
  }
  if (point < 0x800) return 1
  const isSurrogate = point >= 0xd800 && point <= 0xdfff
  if (isSurrogate && !isSecondOfPair(text, at)) {
    throw fault('has half a surrogate pair', 'MQTT5-1.5.4-1')
  }
  if ((point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point <= 0xfdef)) {
    throw fault('has a Unicode non-character', 'U5-1.5.4-a')
  }
  return isSurrogate || point > 0xffff ? 1 : 2 // a pair is 2 code units and 4 bytes
}

function isSecondOfPair(text: string, at: number): boolean {
  return (text.codePointAt(at - 1) ?? 0) > 0xffff
}
