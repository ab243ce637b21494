import {
  constants,
  createHash,
  createPrivateKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { ListenerConfig } from '../config.ts'
import { ConfigError, type ConfigProblem, type ConfigSource, pathText } from '../config-error.ts'

export type TlsConfig = NonNullable<Extract<ListenerConfig, { kind: 'tcp' }>['tls']>

/** What the files of a listener hold, as it can be handed to another thread. */
export interface TlsMaterial {
  readonly options: SecureContextOptions
  /** Other pairs by host name, in lower case; `*.` stands for one label. */
  readonly pairs: readonly (readonly [name: string, pair: Pair])[]
  /** Of all that was read: the same for files that hold the same. */
  readonly digest: string
}

interface Pair {
  readonly cert: string
  readonly key: string
}

/** What the files of a listener hold, checked. */
export interface TlsFiles {
  readonly options: SecureContextOptions
  readonly hosts: ReadonlyMap<string, SecureContext>
  readonly digest: string
  readonly material: TlsMaterial
  /** Each worth a line in the log. */
  readonly warnings: readonly string[]
}

/** Suites with forward secrecy and authenticated encryption; the first five are those of TLS 1.3. */
const suites = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
].join(':')

/**
 * Reads and checks the files of a TLS listener. Throws ConfigError with everything that is wrong;
 * `path` is where the section `tls` is in the configuration.
 */
export function readTlsFiles(
  tls: TlsConfig,
  path: readonly PropertyKey[],
  source?: ConfigSource,
): TlsFiles {
  const reader = new FileReader(path, source)
  const own = reader.pair(tls, [])
  const authorities = tls.ca === undefined ? undefined : reader.authorities(tls.ca)
  const lists = tls.crl === undefined ? undefined : reader.text(tls.crl, ['crl'])
  const shared = { ...protocolOptions(tls), ...(authorities !== undefined && { ca: authorities }) }
  const hosts = tls.hosts.map((host, index) => {
    return [host.name.toLowerCase(), reader.pair(host, ['hosts', index])] as const
  })
  const withLists = lists === undefined ? shared : { ...shared, crl: lists }
  if (lists !== undefined) reader.check(['crl'], () => createSecureContext(withLists), crlProblem)
  reader.throwProblems()
  const { digest, warnings } = reader
  return tlsFilesOf({ options: { ...withLists, ...own }, pairs: hosts, digest }, warnings)
}

export function tlsFilesOf(material: TlsMaterial, warnings: readonly string[] = []): TlsFiles {
  const { options, pairs, digest } = material
  const contexts = pairs.map(([name, pair]) => {
    return [name, createSecureContext({ ...options, ...pair })] as const
  })
  return { options, hosts: new Map(contexts), digest, material, warnings }
}

const crlProblem = 'holds no list of revoked certificates; allowed is PEM, X509 CRL'

function protocolOptions(tls: TlsConfig): SecureContextOptions {
  const { SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_TICKET, SSL_OP_CIPHER_SERVER_PREFERENCE } = constants
  // A resumed session would not look at the client's certificate again, nor at what was revoked.
  const resumption = tls.clientCertificate === 'none' ? 0 : SSL_OP_NO_TICKET
  return {
    minVersion: tls.minimumVersion,
    ciphers: suites,
    ecdhCurve: 'auto',
    secureOptions: SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | resumption,
  }
}

/** Reads what settings name, and gathers what is wrong with it. */
class FileReader {
  readonly warnings: string[] = []
  readonly #path: readonly PropertyKey[]
  readonly #source: ConfigSource | undefined
  readonly #problems: ConfigProblem[] = []
  readonly #hash = createHash('sha256')

  constructor(path: readonly PropertyKey[], source: ConfigSource | undefined) {
    this.#path = path
    this.#source = source
  }

  /** A certificate with those between it and its authority, and its key. */
  pair(
    files: { readonly certificate: string; readonly key: string },
    at: readonly PropertyKey[],
  ): Pair {
    const cert = this.text(files.certificate, [...at, 'certificate'])
    const key = this.text(files.key, [...at, 'key'])
    const certificate =
      cert &&
      this.check([...at, 'certificate'], () => new X509Certificate(cert), notPem(files.certificate))
    const privateKey = key && this.#privateKey(key, files.key, [...at, 'key'])
    if (certificate && privateKey && !certificate.checkPrivateKey(privateKey)) {
      const text = `is ${quoted(files.key)}, which is not the key of ${quoted(files.certificate)}; allowed is the one that it was made with`
      this.problem([...at, 'key'], text)
    }
    if (certificate && certificate.validToDate.getTime() < Date.now()) {
      this.warnings.push(`${files.certificate} expired at ${certificate.validTo}`)
    }
    return { cert: cert ?? '', key: key ?? '' }
  }

  authorities(file: string): string {
    const text = this.text(file, ['ca']) ?? ''
    const found = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
    if (text !== '' && found.length === 0) this.problem(['ca'], notPem(file))
    for (const each of found) this.check(['ca'], () => new X509Certificate(each), notPem(file))
    return text
  }

  #privateKey(text: string, file: string, at: readonly PropertyKey[]): KeyObject | undefined {
    if (/ENCRYPTED/.test(text)) {
      const remedy = 'allowed is one without: openssl pkey -in FILE -out FILE'
      this.problem(at, `is ${quoted(file)}, which needs a passphrase; ${remedy}`)
      return undefined
    }
    if ((statSync(file).mode & 0o004) !== 0) {
      this.warnings.push(`${file} can be read by every user of this machine: chmod 0600 it`)
    }
    return this.check(
      at,
      () => createPrivateKey(text),
      `is ${quoted(file)}, which holds no private key; allowed is PEM`,
    )
  }

  get digest(): string {
    return this.#hash.copy().digest('hex')
  }

  text(file: string, at: readonly PropertyKey[]): string | undefined {
    try {
      const text = readFileSync(file, 'utf8')
      this.#hash.update(`${text.length} ${text}`)
      return text
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      const reason = readFailures[code] ?? message
      this.problem(at, `is ${quoted(file)}, which cannot be read: ${reason}`)
      return undefined
    }
  }

  /** The outcome of `work`, or a problem. */
  check<T>(at: readonly PropertyKey[], work: () => T, text: string): T | undefined {
    try {
      return work()
    } catch {
      this.problem(at, text)
      return undefined
    }
  }

  problem(at: readonly PropertyKey[], text: string): void {
    const path = [...this.#path, ...at]
    this.#problems.push({ place: this.#source?.locate(path), path: pathText(path), text })
  }

  throwProblems(): void {
    if (this.#problems.length > 0) throw new ConfigError(this.#problems)
  }
}

const quoted = (text: string) => JSON.stringify(text)
const notPem = (file: string) =>
  `is ${quoted(file)}, which holds no certificate; allowed is PEM, as \`busbar cert\` makes`

const readFailures: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file; `busbar cert` makes one',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
}
