import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { raw } from './data-types.ts'
import { CaseFailure } from './failure.ts'

/** One run of SCRAM-SHA-256 (RFC 5802 and RFC 7677) on the client's side, without channel binding. */
export class ScramClient {
  readonly #name: string
  readonly #password: string
  readonly #nonce: string = randomBytes(18).toString('base64')
  #serverSignature = ''

  constructor({ name, password }: { readonly name: string; readonly password: string }) {
    this.#name = name
    this.#password = password
  }

  /** The data of CONNECT, or of the AUTH that begins a re-authentication. */
  get first(): Uint8Array {
    return raw(`n,,${this.#firstBare}`)
  }

  get #firstBare(): string {
    return `n=${this.#name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.#nonce}`
  }

  /** The answer to what the Server sent first. */
  final(serverFirst: Uint8Array | undefined): Uint8Array {
    const text = Buffer.from(serverFirst ?? []).toString()
    const { r: nonce = '', s: salt = '', i: iterations = '' } = attributes(text)
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce || salt === '') {
      throw new CaseFailure(`no first message of SCRAM: ${JSON.stringify(text)}`)
    }
    const withoutProof = `c=${Buffer.from('n,,').toString('base64')},r=${nonce}`
    const signed = `${this.#firstBare},${text},${withoutProof}`
    const saltBytes = Buffer.from(salt, 'base64')
    const salted = pbkdf2Sync(this.#password, saltBytes, Number(iterations), 32, 'sha256')
    const clientKey = hmac(salted, 'Client Key')
    const signature = hmac(createHash('sha256').update(clientKey).digest(), signed)
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed).toString('base64')
    return raw(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** Fails unless the Server has shown that it knows the password too. */
  verify(serverFinal: Uint8Array | undefined): void {
    const text = Buffer.from(serverFinal ?? []).toString()
    const { v: signature } = attributes(text)
    if (signature === this.#serverSignature) return
    throw new CaseFailure(`no final message of SCRAM, or of another: ${JSON.stringify(text)}`)
  }
}

function attributes(text: string): Readonly<Record<string, string | undefined>> {
  return Object.fromEntries(text.split(',').map((part) => [part.slice(0, 1), part.slice(2)]))
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
