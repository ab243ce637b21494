// The tables of RFC 3454 that RFC 4013 names, written with escapes because they are invisible.

/** C.1.2: spaces, which become U+0020. */
const nonAsciiSpaces = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu

/** B.1: commonly mapped to nothing. U+200B is a space above. */
const ignorable =
  /\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/gu

/** C.2.1, C.2.2, C.3 (private use), C.4 (no characters), C.5 (surrogates), C.6 to C.9. */
const prohibited = new RegExp(
  [
    String.raw`[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}]`,
    String.raw`[\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\ufffd]`,
    String.raw`[\u2ff0-\u2ffb\u0340\u0341\u200e\u200f\u202a-\u202e]`,
    String.raw`[\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]`,
  ].join('|'),
  'u',
)

const plainText = /^[ -~]*$/

/**
 * SASLprep (RFC 4013): the form in which user names and passwords are compared; undefined for text
 * with a prohibited character. Two of its checks are left out, because they only refuse text and
 * never change it: that of text running right to left (section 2.3), by which an Arabic word followed
 * by a digit would be no password, and that of characters younger than Unicode 3.2 (section 2.5).
 */
export function saslPrep(text: string): string | undefined {
  if (plainText.test(text)) return text
  const mapped = text.replace(nonAsciiSpaces, ' ').replace(ignorable, '').normalize('NFKC')
  return prohibited.test(mapped) ? undefined : mapped
}

/** No honest name comes near: to put many combining marks in order takes time by their square. */
const longestPrepared = 1_024

/**
 * How a user is called. A name that SASLprep refuses, or one that is too long to be brought into its
 * form for any stranger, stands for itself; SCRAM cannot send it.
 */
export function preparedName(name: string): string {
  if (name.length > longestPrepared) return name
  return saslPrep(name) ?? name
}
