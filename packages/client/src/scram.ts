import type { Authentication, AuthenticationExchange } from './options.ts'

/** The part of Web Crypto that SCRAM needs. */
interface WebCrypto {
  getRandomValues(bytes: Uint8Array): Uint8Array
  readonly subtle: {
    importKey(...key: readonly unknown[]): Promise<unknown>
    deriveBits(algorithm: object, key: unknown, bits: number): Promise<ArrayBuffer>
    sign(algorithm: string, key: unknown, data: Uint8Array): Promise<ArrayBuffer>
    digest(algorithm: string, data: Uint8Array): Promise<ArrayBuffer>
  }
}

const method = 'SCRAM-SHA-256'
const keyBits = 256
/** RFC 7677, section 4, asks for at least this many. */
const fewestIterations = 4_096
/** A hostile server must not keep us busy for minutes. */
const mostIterations = 10_000_000

/** What a password is derived to; kept for reconnections, which would derive it again. */
interface Keys {
  readonly salt: string
  readonly iterations: number
  readonly clientKey: Uint8Array
  readonly serverKey: Uint8Array
}

/**
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as enhanced authentication: the password does not leave the
 * client, and the server proves that it knows it. Needs Web Crypto, which pages have over HTTPS.
 * `nonce` is for tests that know what is sent.
 */
export function scramSha256(
  username: string,
  password: string,
  { nonce = randomNonce }: { readonly nonce?: () => string } = {},
): Authentication {
  const kept: { keys: Keys | undefined } = { keys: undefined }
  return {
    method,
    start: () => new ScramExchange({ username, password, nonce: nonce() }, kept),
  }
}

class ScramExchange implements AuthenticationExchange {
  readonly #password: string
  readonly #nonce: string
  readonly #bare: string
  readonly #kept: { keys: Keys | undefined }
  #serverSignature: Uint8Array | undefined

  constructor(
    { username, password, nonce }: { username: string; password: string; nonce: string },
    kept: { keys: Keys | undefined },
  ) {
    this.#password = password
    this.#nonce = nonce
    const name = username.normalize('NFKC').replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#bare = `n=${name},r=${nonce}`
    this.#kept = kept
  }

  async first(): Promise<Uint8Array> {
    return encode(`n,,${this.#bare}`)
  }

  async next(data: Uint8Array | undefined): Promise<Uint8Array> {
    if (this.#serverSignature !== undefined) throw new Error('SCRAM: a message too many')
    const serverFirst = decode(data)
    const { nonce, salt, iterations } = readServerFirst(serverFirst, this.#nonce)
    const keys = await this.#keysFor(salt, iterations)
    const withoutProof = `c=biws,r=${nonce}`
    const authMessage = encode(`${this.#bare},${serverFirst},${withoutProof}`)
    const storedKey = await sha256(keys.clientKey)
    const signature = await hmac(storedKey, authMessage)
    const proof = keys.clientKey.map((byte, at) => byte ^ (signature[at] ?? 0))
    this.#serverSignature = await hmac(keys.serverKey, authMessage)
    return encode(`${withoutProof},p=${toBase64(proof)}`)
  }

  async finish(data: Uint8Array | undefined): Promise<void> {
    const expected = this.#serverSignature
    const signature = /^v=([A-Za-z0-9+/]{43}=)(?:,|$)/.exec(decode(data))?.[1]
    if (expected === undefined || signature === undefined) throw new Error('SCRAM: no proof')
    if (!isSame(fromBase64(signature), expected)) throw new Error('SCRAM: a wrong proof')
    this.#serverSignature = undefined
  }

  async #keysFor(salt: string, iterations: number): Promise<Keys> {
    const known = this.#kept.keys
    if (known !== undefined && known.salt === salt && known.iterations === iterations) return known
    const { subtle } = webCrypto()
    const password = encode(this.#password.normalize('NFKC'))
    const key = await subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
    const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: fromBase64(salt), iterations }
    const salted = new Uint8Array(await subtle.deriveBits(algorithm, key, keyBits))
    const keys = {
      salt,
      iterations,
      clientKey: await hmac(salted, encode('Client Key')),
      serverKey: await hmac(salted, encode('Server Key')),
    }
    this.#kept.keys = keys
    return keys
  }
}

function readServerFirst(message: string, ownNonce: string) {
  const found = /^r=([^,]+),s=([A-Za-z0-9+/]+={0,2}),i=([1-9]\d{0,8})(?:,|$)/.exec(message)
  const [, nonce = '', salt = '', count = ''] = found ?? []
  const iterations = Number(count)
  if (!nonce.startsWith(ownNonce) || nonce === ownNonce) throw new Error('SCRAM: another nonce')
  if (iterations < fewestIterations || iterations > mostIterations) {
    throw new Error(`SCRAM: ${iterations} iterations`)
  }
  return { nonce, salt, iterations }
}

/** In constant time. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = one.length ^ other.length
  for (let at = 0; at < other.length; at++) difference |= (one[at] ?? 0) ^ (other[at] ?? 0)
  return difference === 0
}

async function hmac(key: Uint8Array, data: Uint8Array): Promise<Uint8Array> {
  const { subtle } = webCrypto()
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  const imported = await subtle.importKey('raw', key, algorithm, false, ['sign'])
  return new Uint8Array(await subtle.sign('HMAC', imported, data))
}

async function sha256(data: Uint8Array): Promise<Uint8Array> {
  return new Uint8Array(await webCrypto().subtle.digest('SHA-256', data))
}

function randomNonce(): string {
  return toBase64(webCrypto().getRandomValues(new Uint8Array(18)))
}

function webCrypto(): WebCrypto {
  const { crypto } = globalThis as { crypto?: WebCrypto }
  if (crypto?.subtle === undefined) throw new Error('SCRAM needs Web Crypto')
  return crypto
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function decode(data: Uint8Array | undefined): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data ?? new Uint8Array())
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
