import { createHash, pbkdf2, randomBytes, type ScryptOptions, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { saslPrep } from './sasl-prep.ts'
import { deriveScramCredentials, type ScramCredentials, sameBytes } from './scram.ts'

/** A password as it came, and as text that is compared in whatever spelling. */
export interface Password {
  readonly bytes: Uint8Array
  /** Prepared by SASLprep. */
  readonly text: string
}

/** Checks a password against what is kept of it, on the thread pool. */
export interface Verifier {
  /** Microseconds, roughly; alike only for what takes the same time. */
  readonly cost: number
  verify(password: Password): Promise<boolean>
}

/** No honest password comes near: the limit is on what a stranger can have normalised. */
const maximumPasswordBytes = 1_024
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined for what can be nobody's password. */
export function readPassword(bytes: Uint8Array | undefined): Password | undefined {
  if (bytes === undefined || bytes.length > maximumPasswordBytes) return undefined
  try {
    const text = saslPrep(strictUtf8.decode(bytes))
    return text === '' || text === undefined ? undefined : { bytes, text }
  } catch {
    return undefined
  }
}

const pbkdf2OnThreadPool = promisify(pbkdf2)
const scryptOnThreadPool = promisify<string, Uint8Array, number, ScryptOptions, Buffer>(scrypt)

/** 32 MiB and about 70 ms for each guess. */
const usualScrypt = { ln: 15, r: 8, p: 1 } as const
const saltBytes = 16
const keyBytes = 32

interface ScryptParameters {
  /** The logarithm of N. */
  readonly ln: number
  readonly r: number
  readonly p: number
}

/** What is kept of a password: `$scrypt$ln=15,r=8,p=1$SALT$KEY`. */
export async function hashPassword({ text }: Password): Promise<string> {
  const salt = randomBytes(saltBytes)
  const key = await deriveScrypt(text, salt, usualScrypt, keyBytes)
  const { ln, r, p } = usualScrypt
  return `$scrypt$ln=${ln},r=${r},p=${p}$${unpadded(salt)}$${unpadded(key)}`
}

function deriveScrypt(
  text: string,
  salt: Uint8Array,
  { ln, r, p }: ScryptParameters,
  length: number,
): Promise<Buffer> {
  const N = 2 ** ln
  // The default is just too little for N = 2^15.
  return scryptOnThreadPool(text, salt, length, { N, r, p, maxmem: 256 * (N + p) * r })
}

const forms = [
  /^\$(?<kind>scrypt)\$ln=(?<ln>\d{1,2}),r=(?<r>\d{1,2}),p=(?<p>\d{1,2})\$(?<salt>[\w+/]+)\$(?<key>[\w+/]+)$/,
  /^\$(?<kind>7)\$(?<iterations>\d{1,8})\$(?<salt>[\w+/]+={0,2})\$(?<key>[\w+/]{86}==)$/,
  /^\$(?<kind>6)\$(?<salt>[\w+/]+={0,2})\$(?<key>[\w+/]{86}==)$/,
]

/** Reads what `hashPassword` gives, or Mosquitto's `$6$` and `$7$`; undefined for anything else. */
export function parseVerifier(text: string): Verifier | undefined {
  const match = forms.map((form) => form.exec(text)?.groups).find((groups) => groups !== undefined)
  if (match === undefined) return undefined
  const { kind, ln, r, p, iterations, salt = '', key = '' } = match
  const kept = { salt: Buffer.from(salt, 'base64'), key: Buffer.from(key, 'base64') }
  if (kept.salt.length > 1_024) return undefined
  if (kind === '6') return sha512Verifier(kept)
  if (kind === '7') return pbkdf2Verifier(Number(iterations), kept)
  return scryptVerifier({ ln: Number(ln), r: Number(r), p: Number(p) }, kept)
}

interface Kept {
  readonly salt: Uint8Array
  readonly key: Uint8Array
}

/** Weaker ones protect nothing, stronger ones would let one client occupy the machine. */
function scryptVerifier(parameters: ScryptParameters, { salt, key }: Kept): Verifier | undefined {
  const { ln, r, p } = parameters
  if (ln < 10 || ln > 20 || r < 1 || r > 32 || p < 1 || p > 16) return undefined
  if (2 ** ln * r * 128 > 2 ** 28 || salt.length < 8 || key.length < 16 || key.length > 64) {
    return undefined
  }
  return {
    cost: 2 ** ln * r * p * 0.27,
    verify: async ({ text }) =>
      sameBytes(await deriveScrypt(text, salt, parameters, key.length), key),
  }
}

/** Mosquitto hashes the bytes as they come. */
function pbkdf2Verifier(iterations: number, { salt, key }: Kept): Verifier | undefined {
  if (iterations < 1 || iterations > 10_000_000) return undefined
  return {
    cost: iterations * 1.1,
    verify: async ({ bytes }) =>
      sameBytes(await pbkdf2OnThreadPool(bytes, salt, iterations, key.length, 'sha512'), key),
  }
}

function sha512Verifier({ salt, key }: Kept): Verifier {
  return {
    cost: 1,
    verify: async ({ bytes }) =>
      sameBytes(createHash('sha512').update(bytes).update(salt).digest(), key),
  }
}

/** The SCRAM keys of a password verify it in the clear, too. */
export function scramVerifier(credentials: ScramCredentials): Verifier {
  return {
    cost: credentials.iterations * 0.6,
    verify: async ({ text }) => {
      const { storedKey } = await deriveScramCredentials(text, credentials)
      return sameBytes(storedKey, credentials.storedKey)
    },
  }
}

const unpadded = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '')
