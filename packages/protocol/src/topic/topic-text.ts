import type { ProtocolError } from '../errors.ts'

/** The characters with a meaning in topics, as UTF-16 code units. */
export const hash = 0x23
export const dollar = 0x24
export const plus = 0x2b
export const slash = 0x2f

/** The length of a Topic Name or Topic Filter in UTF-8 at most [MQTT5-4.7.3-3]. */
export const maximumTopicBytes = 65_535

/** Makes the error that names what the text was to be. */
export type TopicFault = (message: string, statement?: string) => ProtocolError

/**
 * What the code unit at `at`, which is not printable ASCII, adds to the length in UTF-8 beyond one
 * byte. Throws `fault` for characters that topics may not have.
 */
export function extraBytes(text: string, at: number, fault: TopicFault): number {
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
