import type { X509Certificate } from 'node:crypto'
import type { PeerCertificate } from '../access/authenticator.ts'
import { type Element, readElements, tags } from '../certificates/der.ts'

const commonName = '550403'
const subjectAlternativeName = '551d11'

/** E-mail address, DNS name and URI, by their tags in a Subject Alternative Name. */
const namedKinds = [0x81, 0x82, 0x86]

/**
 * What a verified certificate says about its owner. Read from its bytes: text made of them escapes
 * and cuts in ways of its own. Throws RangeError where a name is not what its type says.
 */
export function readPeerCertificate(certificate: X509Certificate): PeerCertificate {
  const body = child(child({ content: certificate.raw }, 0), 0)
  const fields = readElements(body.content)
  const hasVersion = fields[0]?.tag === 0xa0
  const subject = fields[hasVersion ? 5 : 4]
  const extensions = fields.find(({ tag }) => tag === 0xa3)
  return {
    commonNames: subject === undefined ? [] : commonNames(subject),
    alternativeNames: extensions === undefined ? [] : alternativeNames(extensions),
    fingerprint: certificate.fingerprint256,
  }
}

function child({ content }: Pick<Element, 'content'>, index: number): Element {
  const found = readElements(content)[index]
  if (found === undefined) throw new RangeError('a certificate ends before its last field')
  return found
}

function commonNames(subject: Element): string[] {
  const attributes = readElements(subject.content).flatMap(({ content }) => readElements(content))
  return attributes.flatMap(({ content }) => {
    const [type, value] = readElements(content)
    return value !== undefined && hexOf(type) === commonName ? [textOf(value)] : []
  })
}

function alternativeNames(extensions: Element): string[] {
  for (const { content } of readElements(child(extensions, 0).content)) {
    const [type, ...rest] = readElements(content)
    const value = rest.at(-1) // behind whether it is critical
    if (value === undefined || hexOf(type) !== subjectAlternativeName) continue
    return readElements(child(value, 0).content)
      .filter(({ tag }) => namedKinds.includes(tag))
      .map(({ content: bytes }) => ascii(bytes))
  }
  return []
}

const hexOf = (element: Element | undefined) =>
  element?.tag === tags.objectIdentifier ? Buffer.from(element.content).toString('hex') : undefined

const printableString = 0x13
const ia5String = 0x16
const bmpString = 0x1e

/** The string types that certificates use; an old one that nobody can read for certain is refused. */
function textOf({ tag, content }: Element): string {
  switch (tag) {
    case tags.utf8String:
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
    case printableString:
    case ia5String:
      return ascii(content)
    case bmpString:
      return wellFormed(
        new TextDecoder('utf-16be', { fatal: true, ignoreBOM: true }).decode(content),
      )
    default:
      throw new RangeError(`a name is of a type that is not read: ${tag}`)
  }
}

function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw new RangeError('a name is not well-formed')
  return text
}

function ascii(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7f)) throw new RangeError('a name is not ASCII')
  return Buffer.from(bytes).toString('latin1')
}
