import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuthority, issueCertificate, type KeyPair } from '../certificates/certificates.ts'
import type { SecureSettings } from './front.ts'
import { readTlsFiles, type TlsConfig } from './tls-files.ts'

const now = new Date()
const days = 5

/** An authority for tests, with a server and a client. */
export class Lab {
  readonly authority = createAuthority({ commonName: 'lab', days, now })
  readonly server = this.issue('server', 'localhost', ['localhost', '127.0.0.1'])
  readonly client = this.issue('client', 'device-7')

  get ca(): string {
    return this.authority.certificate
  }

  issue(usage: 'server' | 'client', commonName: string, hosts: readonly string[] = []): KeyPair {
    return issueCertificate(this.authority, { usage, commonName, hosts, days, now })
  }

  /** Settings of a listener with this certificate; files are written and read. */
  settings(
    changed: Partial<TlsConfig> = {},
    extra: Readonly<Record<string, string>> = {},
  ): SecureSettings {
    using folder = this.folder(extra)
    const tls = { ...folder.tls, ...withFolder(folder.path, changed) } as TlsConfig
    return { files: readTlsFiles(tls, ['tls']), clientCertificate: tls.clientCertificate }
  }

  /** A folder with `ca.crt`, `server.crt`, `server.key`, and others; to be removed. */
  folder(extra: Readonly<Record<string, string>> = {}): LabFolder {
    const path = mkdtempSync(join(tmpdir(), 'busbar-lab-'))
    const { certificate, key } = this.server
    const files = { 'ca.crt': this.ca, 'server.crt': certificate, 'server.key': key, ...extra }
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(path, name), text, { mode: 0o600 })
    }
    const tls: TlsConfig = {
      certificate: join(path, 'server.crt'),
      key: join(path, 'server.key'),
      clientCertificate: 'none',
      minimumVersion: 'TLSv1.2',
      hosts: [],
    }
    return { path, tls, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
  }
}

export interface LabFolder extends Disposable {
  readonly path: string
  readonly tls: TlsConfig
}

/** File names are those in the folder. */
function withFolder(path: string, { hosts, ...rest }: Partial<TlsConfig>): Partial<TlsConfig> {
  const inFolder = (file: string) => join(path, file)
  const { certificate, key, ca, crl } = rest
  return {
    ...rest,
    ...(certificate !== undefined && { certificate: inFolder(certificate) }),
    ...(key !== undefined && { key: inFolder(key) }),
    ...(ca !== undefined && { ca: inFolder(ca) }),
    ...(crl !== undefined && { crl: inFolder(crl) }),
    ...(hosts !== undefined && {
      hosts: hosts.map((host) => ({
        name: host.name,
        certificate: inFolder(host.certificate),
        key: inFolder(host.key),
      })),
    }),
  }
}

export const lab = new Lab()
