import {
  type ConfigInput,
  createAuthority,
  issueCertificate,
  type KeyPair,
  revokeCertificate,
} from '@busbar/broker'
import { type OwnBroker, startOwnBroker } from './own-broker.ts'

const now = new Date()
const days = 2

/** An authority for tests, with what it has signed. */
export class TestAuthority {
  readonly authority: KeyPair = createAuthority({ commonName: 'test', days, now })
  readonly server = this.issue('server', 'localhost', ['localhost', '127.0.0.1'])

  issue(usage: 'server' | 'client', commonName: string, hosts: string[] = [], at = now): KeyPair {
    return issueCertificate(this.authority, { usage, commonName, hosts, days, now: at })
  }

  /** A list on which these are. */
  revoke(...revoked: readonly KeyPair[]): string {
    let list: string | undefined
    for (const { certificate } of revoked) {
      const previous = list === undefined ? {} : { previous: list }
      list = revokeCertificate(this.authority, certificate, { days, now, ...previous })
    }
    return list ?? ''
  }

  get files(): Record<string, string> {
    const { certificate, key } = this.server
    return { 'ca.crt': this.authority.certificate, 'server.crt': certificate, 'server.key': key }
  }
}

const tlsFiles = { certificate: 'server.crt', key: 'server.key' }

type Tls = NonNullable<
  Extract<NonNullable<ConfigInput['listeners']>[number], { kind: 'tcp' }>['tls']
>

/** A broker with listeners for TCP and WebSocket, each of them without and with TLS. */
export interface TlsBroker extends OwnBroker {
  readonly tls: string
  readonly wss: string
}

export async function startTlsBroker(
  at: TestAuthority,
  tls: Partial<Tls> = {},
  files: Readonly<Record<string, string>> = {},
): Promise<TlsBroker> {
  const limits = { connectTimeoutSeconds: 2 }
  const secure = { ...tlsFiles, ...tls }
  const listeners: ConfigInput['listeners'] = [
    { kind: 'tcp', port: 0 },
    { kind: 'ws', port: 0 },
    { kind: 'tcp', port: 0, tls: secure },
    { kind: 'ws', port: 0, tls: secure },
  ]
  const config = { listeners, limits, log: { level: 'debug' } } as const
  const broker = await startOwnBroker(config, { ...at.files, ...files })
  const address = async (scheme: string) =>
    (await broker.program.line(new RegExp(`^ {2}${scheme}://`))).trim()
  return Object.assign(broker, { tls: await address('mqtts'), wss: await address('wss') })
}
