import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto'
import { isIP } from 'node:net'
import { addressBytes } from '../ip-address.ts'
import {
  bitString,
  element,
  implicit,
  integer,
  objectIdentifier,
  readElements,
  sequence,
  tagged,
  tags,
  time,
} from './der.ts'

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string
  readonly key: string
}

export interface CertificateOptions {
  readonly commonName: string
  readonly days: number
  readonly now: Date
}

export interface LeafOptions extends CertificateOptions {
  readonly usage: 'server' | 'client'
  /** Host names and IP addresses for the Subject Alternative Name. */
  readonly hosts?: readonly string[]
}

/** An authority that cannot sign, or a certificate that is none. One sentence for the operator. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError'
}

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const dayMs = 86_400_000
/** So that a machine whose clock is a little behind accepts what was just made. */
const earlierMs = 3_600_000

/** A certificate authority of its own: ECDSA on P-256, signed by itself. */
export function createAuthority(options: CertificateOptions): KeyPair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = nameOf(options.commonName)
  const extensions = [
    extension('2.5.29.19', sequence(element(tags.boolean, Uint8Array.of(0xff))), 'critical'),
    // keyCertSign, cRLSign
    extension('2.5.29.15', bitString(Uint8Array.of(0b0000_0110), 1), 'critical'),
    extension('2.5.29.14', element(tags.octetString, keyIdentifier(publicKey))),
  ]
  const subject = { name, publicKey, extensions }
  const certificate = signed(body(subject, name, options), privateKey)
  return { certificate: pem('CERTIFICATE', certificate), key: pemKey(privateKey) }
}

/** A certificate for a server or a client with a new key, signed by `authority`. */
export function issueCertificate(authority: KeyPair, options: LeafOptions): KeyPair {
  const issuer = openAuthority(authority)
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const purpose = options.usage === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'
  const { hosts = [] } = options
  const extensions = [
    extension('2.5.29.19', sequence(), 'critical'),
    // digitalSignature
    extension('2.5.29.15', bitString(Uint8Array.of(0b1000_0000), 7), 'critical'),
    extension('2.5.29.37', sequence(objectIdentifier(purpose))),
    extension('2.5.29.14', element(tags.octetString, keyIdentifier(publicKey))),
    issuer.identifier,
    ...(hosts.length === 0 ? [] : [extension('2.5.29.17', sequence(...hosts.map(hostName)))]),
  ]
  const subject = { name: nameOf(options.commonName), publicKey, extensions }
  const certificate = signed(body(subject, issuer.name, options), issuer.key)
  return { certificate: pem('CERTIFICATE', certificate), key: pemKey(privateKey) }
}

/** A list of revoked certificates (PEM): those of `previous`, and the one that is given. */
export function revokeCertificate(
  authority: KeyPair,
  certificate: string,
  { previous, days, now }: { previous?: string; days: number; now: Date },
): string {
  const issuer = openAuthority(authority)
  const { serialNumber } = new X509Certificate(certificate)
  const revoked = sequence(integer(Buffer.from(serialNumber, 'hex')), time(now))
  const before = previous === undefined ? [] : revokedBy(previous)
  const isKnown = before.some(({ serial }) => serial.equals(integerOf(serialNumber)))
  const list = sequence(
    integer(Uint8Array.of(1)), // version 2
    ecdsaWithSha256,
    issuer.name,
    time(now),
    time(new Date(now.getTime() + days * dayMs)),
    sequence(...before.map(({ whole }) => whole), ...(isKnown ? [] : [revoked])),
    tagged(
      0,
      sequence(
        issuer.identifier,
        extension(
          '2.5.29.20',
          integer(Buffer.from(now.getTime().toString(16).padStart(12, '0'), 'hex')),
        ),
      ),
    ),
  )
  return pem('X509 CRL', signed(list, issuer.key))
}

const integerOf = (hexadecimal: string) => integer(Buffer.from(hexadecimal, 'hex'))

function revokedBy(list: string): { serial: Buffer; whole: Uint8Array }[] {
  const base64 = list.replaceAll(/-----[^-]*-----|\s/g, '')
  try {
    const [outer] = readElements(Buffer.from(base64, 'base64'))
    const [body] = readElements(outer?.content ?? Buffer.alloc(0))
    const [, , , , , entries] = readElements(body?.content ?? Buffer.alloc(0))
    if (entries?.tag !== tags.sequence) throw new RangeError('it has no entries')
    return readElements(entries.content).map(({ whole, content }) => {
      const [serial] = readElements(content)
      return { serial: Buffer.from(serial?.whole ?? []), whole }
    })
  } catch (error) {
    const { message } = error as Error
    throw new CertificateError(`the list of revoked certificates cannot be read: ${message}`)
  }
}

/** What an authority puts into that which it signs. */
function openAuthority({ certificate, key }: KeyPair) {
  const issuer = new X509Certificate(certificate)
  const privateKey = createPrivateKey(key)
  if (!issuer.ca) throw new CertificateError('the certificate is not that of an authority')
  if (!issuer.checkPrivateKey(privateKey)) {
    throw new CertificateError('the key is not that of the authority')
  }
  if (privateKey.asymmetricKeyType !== 'ec') {
    throw new CertificateError('the authority has to have an ECDSA key, as `busbar cert ca` makes')
  }
  const identifier = implicit(0, keyIdentifier(issuer.publicKey))
  return {
    name: subjectOf(issuer),
    key: privateKey,
    identifier: extension('2.5.29.35', sequence(identifier)),
  }
}

/** The subject as it is written in the certificate: an issuer is compared byte by byte. */
function subjectOf({ raw }: X509Certificate): Uint8Array {
  const [certificate] = readElements(raw)
  const [body] = readElements(certificate?.content ?? raw)
  const fields = readElements(body?.content ?? raw)
  // The version may be left out.
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4]
  if (subject === undefined) throw new CertificateError('the certificate has no subject')
  return subject.whole
}

function body(
  subject: { name: Uint8Array; publicKey: KeyObject; extensions: readonly Uint8Array[] },
  issuer: Uint8Array,
  { now, days }: CertificateOptions,
): Buffer {
  const serial = randomBytes(16)
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40 // positive, and always of the same length
  const from = new Date(now.getTime() - earlierMs)
  const until = new Date(now.getTime() + days * dayMs)
  return sequence(
    tagged(0, integer(Uint8Array.of(2))), // version 3
    integer(serial),
    ecdsaWithSha256,
    issuer,
    sequence(time(from), time(until)),
    subject.name,
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...subject.extensions)),
  )
}

function signed(content: Uint8Array, key: KeyObject): Buffer {
  return sequence(content, ecdsaWithSha256, bitString(sign('sha256', content, key)))
}

function nameOf(commonName: string): Buffer {
  const value = element(tags.utf8String, Buffer.from(commonName))
  return sequence(element(tags.set, sequence(objectIdentifier('2.5.4.3'), value)))
}

function extension(identifier: string, value: Uint8Array, criticality?: 'critical'): Buffer {
  const critical = criticality === undefined ? [] : [element(tags.boolean, Uint8Array.of(0xff))]
  return sequence(objectIdentifier(identifier), ...critical, element(tags.octetString, value))
}

function hostName(host: string): Buffer {
  return isIP(host) === 0 ? implicit(2, Buffer.from(host)) : implicit(7, addressBytes(host))
}

/** Names a key and protects nothing: SHA-1, as section 4.2.1.2 of RFC 5280 and every tool has it. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const [outer] = readElements(publicKey.export({ type: 'spki', format: 'der' }))
  const [, bits] = readElements(outer?.content ?? Buffer.alloc(0))
  return createHash('sha1')
    .update(bits?.content.subarray(1) ?? '')
    .digest()
}

const pemKey = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
