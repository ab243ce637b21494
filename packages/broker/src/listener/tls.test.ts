import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { PeerCertificate } from '../access/authenticator.ts'
import {
  createAuthority,
  issueCertificate,
  revokeCertificate,
} from '../certificates/certificates.ts'
import { ConfigError } from '../config-error.ts'
import { createLog } from '../log.ts'
import type { Listener } from './listener.ts'
import { readPeerCertificate } from './peer-certificate.ts'
import { startFrontedTcpListener } from './stream.ts'
import { lab } from './tls.contract.ts'
import { readTlsFiles, type TlsConfig } from './tls-files.ts'
import { admissionWith, eventually } from './transport.contract.ts'

const deaf = { receive() {}, drained() {}, closed() {} }
const now = new Date()
const days = 5

/** A listener that keeps what it is told, for one handshake after the other. */
class Guarded implements AsyncDisposable {
  readonly listener: Listener
  readonly accepted: (PeerCertificate | undefined)[]
  readonly lines: string[]

  private constructor(
    listener: Listener,
    accepted: (PeerCertificate | undefined)[],
    lines: string[],
  ) {
    this.listener = listener
    this.accepted = accepted
    this.lines = lines
  }

  static async start(...settings: Parameters<typeof lab.settings>): Promise<Guarded> {
    const accepted: (PeerCertificate | undefined)[] = []
    const lines: string[] = []
    const log = createLog({ level: 'debug', format: 'text' }, { write: (line) => lines.push(line) })
    const tls = lab.settings(...settings)
    const times = { closeTimeoutMs: 600, handshakeTimeoutMs: 10_000, admission: admissionWith() }
    const listener = await startFrontedTcpListener(
      { host: '127.0.0.1', port: 0, ...times, tls },
      (transport) => {
        accepted.push(transport.certificate)
        transport.write(Uint8Array.of(1))
        return deaf
      },
      log,
    )
    return new Guarded(listener, accepted, lines)
  }

  /** Whether a client with these settings gets through to the core, which sends it a byte. */
  async lets(options: ConnectionOptions): Promise<boolean> {
    const port = Number(new URL(this.listener.url).port)
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: lab.ca,
      ...options,
    })
    socket.on('error', () => {})
    let isServed = false
    socket.once('data', () => {
      isServed = true
      socket.destroy()
    })
    await new Promise((resolve) => socket.once('close', resolve))
    return isServed
  }

  /** The certificate that a client is shown. */
  async shows(servername: string): Promise<string | undefined> {
    const port = Number(new URL(this.listener.url).port)
    const socket: TLSSocket = connect({
      port,
      host: '127.0.0.1',
      servername,
      ca: lab.ca,
      checkServerIdentity: () => undefined,
    })
    await once(socket, 'secureConnect')
    const name = socket.getPeerX509Certificate()?.subject
    socket.destroy()
    return name
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener[Symbol.asyncDispose]()
  }
}

const weak = { ciphers: 'DEFAULT@SECLEVEL=0' }
const protocols: readonly [string, Partial<TlsConfig>, ConnectionOptions, boolean][] = [
  ['TLS 1.3', {}, { minVersion: 'TLSv1.3' }, true],
  ['TLS 1.2', {}, { maxVersion: 'TLSv1.2' }, true],
  ['TLS 1.1', {}, { ...weak, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' }, false],
  ['TLS 1.0', {}, { ...weak, minVersion: 'TLSv1', maxVersion: 'TLSv1' }, false],
  [
    'TLS 1.2 where 1.3 is asked for',
    { minimumVersion: 'TLSv1.3' },
    { maxVersion: 'TLSv1.2' },
    false,
  ],
  [
    'a suite without forward secrecy',
    {},
    { maxVersion: 'TLSv1.2', ciphers: 'AES128-GCM-SHA256' },
    false,
  ],
  ['a suite with CBC', {}, { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }, false],
  [
    'a suite without encryption',
    {},
    { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0' },
    false,
  ],
]

describe('protocol', () => {
  for (const [name, settings, options, isServed] of protocols) {
    test(`${name} is ${isServed ? 'spoken' : 'refused'}`, async () => {
      await using guarded = await Guarded.start(settings)
      assert.equal(await guarded.lets(options), isServed)
      assert.equal(guarded.accepted.length, isServed ? 1 : 0)
    })
  }

  test('renegotiation is refused', async () => {
    await using guarded = await Guarded.start()
    const port = Number(new URL(guarded.listener.url).port)
    const socket = connect({ port, servername: 'localhost', ca: lab.ca, maxVersion: 'TLSv1.2' })
    socket.on('error', () => {})
    await once(socket, 'secureConnect')
    const refused = await new Promise<boolean>((resolve) => {
      for (const event of ['close', 'error']) socket.once(event, () => resolve(true))
      socket.resume()
      socket.renegotiate({}, (error) => resolve(error !== null))
    })
    assert.equal(refused, true)
    socket.destroy()
  })
})

const foreign = createAuthority({ commonName: 'lab', days, now })
const late = new Date(now.getTime() - 10 * 86_400_000)
const early = new Date(now.getTime() + 10 * 86_400_000)
const leaf = (authority: typeof foreign, at = now, usage: 'client' | 'server' = 'client') =>
  issueCertificate(authority, { usage, commonName: 'x', days, now: at })
const shown = ({ certificate: cert, key }: { certificate: string; key: string }) => ({ cert, key })

const clients: readonly [string, ConnectionOptions, boolean, boolean][] = [
  ['none', {}, false, true],
  ['a good one', shown(lab.client), true, true],
  ['one of another authority of the same name', shown(leaf(foreign)), false, false],
  ['one that has expired', shown(leaf(lab.authority, late)), false, false],
  ['one that is not valid yet', shown(leaf(lab.authority, early)), false, false],
  ['one for servers', shown(leaf(lab.authority, now, 'server')), false, false],
]

describe('the certificate of a client', () => {
  for (const [name, options, whenRequired, whenRequested] of clients) {
    for (const clientCertificate of ['require', 'request'] as const) {
      const isServed = clientCertificate === 'require' ? whenRequired : whenRequested
      test(`${name} is ${isServed ? 'accepted' : 'refused'} at ${clientCertificate}`, async () => {
        await using guarded = await Guarded.start({ ca: 'ca.crt', clientCertificate })
        assert.equal(await guarded.lets(options), isServed)
        assert.equal(guarded.accepted.length, isServed ? 1 : 0)
        if (!isServed) await eventually(() => guarded.lines.length > 0, 'a line in the log')
      })
    }
  }

  test('is handed to the core', async () => {
    await using guarded = await Guarded.start({ ca: 'ca.crt', clientCertificate: 'require' })
    const named = lab.issue('client', 'Zähler 7', ['meter.example', '192.0.2.7'])
    assert.equal(await guarded.lets(shown(named)), true)
    const [certificate] = guarded.accepted
    assert.deepEqual(certificate?.commonNames, ['Zähler 7'])
    assert.deepEqual(certificate.alternativeNames, ['meter.example'])
    assert.match(certificate.fingerprint, /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
  })

  test('that was revoked is refused, the others are not', async () => {
    const crl = revokeCertificate(lab.authority, lab.client.certificate, { days, now })
    const settings = { ca: 'ca.crt', crl: 'ca.crl', clientCertificate: 'require' } as const
    await using guarded = await Guarded.start(settings, { 'ca.crl': crl })
    assert.equal(await guarded.lets(shown(lab.client)), false)
    assert.match(guarded.lines.join(''), /reason=CERT_REVOKED/)
    assert.equal(await guarded.lets(shown(leaf(lab.authority))), true)
  })

  test('whose name has U+0000 keeps it, for whoever has to refuse it', async () => {
    await using guarded = await Guarded.start({ ca: 'ca.crt', clientCertificate: 'require' })
    assert.equal(await guarded.lets(shown(lab.issue('client', 'admin\0.evil'))), true)
    assert.deepEqual(guarded.accepted[0]?.commonNames, ['admin\0.evil'])
  })

  const bytes = [
    ['that is not UTF-8', 'ff41'],
    ['of half a surrogate pair', 'eda080'],
    ['in an overlong form', 'c080'],
  ] as const
  for (const [name, hex] of bytes) {
    test(`with a name ${name} cannot be read`, () => {
      const bad = Buffer.from(hex, 'hex')
      const { raw } = new X509Certificate(lab.issue('client', 'x'.repeat(bad.length)).certificate)
      const changed = Buffer.from(raw)
      bad.copy(changed, changed.indexOf('x'.repeat(bad.length)))
      assert.throws(() => readPeerCertificate(new X509Certificate(changed)))
    })
  }
})

describe('files', () => {
  test('other certificates are chosen by the name that a client asks for', async () => {
    const other = lab.issue('server', 'other.example')
    const wild = lab.issue('server', 'any.example')
    const hosts = [
      { name: 'Other.example', certificate: 'other.crt', key: 'other.key' },
      { name: '*.wild.example', certificate: 'wild.crt', key: 'wild.key' },
    ]
    await using guarded = await Guarded.start(
      { hosts },
      {
        'other.crt': other.certificate,
        'other.key': other.key,
        'wild.crt': wild.certificate,
        'wild.key': wild.key,
      },
    )
    assert.equal(await guarded.shows('other.EXAMPLE'), 'CN=other.example')
    assert.equal(await guarded.shows('a.wild.example'), 'CN=any.example')
    assert.equal(await guarded.shows('b.a.wild.example'), 'CN=localhost')
    assert.equal(await guarded.shows('elsewhere.example'), 'CN=localhost')
  })

  test('are replaced while the listener is open', async () => {
    await using guarded = await Guarded.start({ ca: 'ca.crt', clientCertificate: 'request' })
    const renewed = lab.issue('server', 'renewed', ['localhost'])
    const crl = revokeCertificate(lab.authority, lab.client.certificate, { days, now })
    const { files } = lab.settings(
      {
        certificate: 'new.crt',
        key: 'new.key',
        ca: 'ca.crt',
        crl: 'ca.crl',
        clientCertificate: 'request',
      },
      { 'new.crt': renewed.certificate, 'new.key': renewed.key, 'ca.crl': crl },
    )
    assert.equal(await guarded.lets(shown(lab.client)), true)
    guarded.listener.replaceFiles?.(files)
    assert.equal(await guarded.shows('localhost'), 'CN=renewed')
    assert.equal(await guarded.lets(shown(lab.client)), false)
  })

  const wrong: readonly [string, (folder: string) => Partial<TlsConfig>, ...RegExp[]][] = [
    [
      'that are not there',
      (folder) => ({ certificate: join(folder, 'absent'), key: join(folder, 'absent too') }),
      /^tls\.certificate: is ".*absent", which cannot be read: there is no such file; `busbar cert` makes one$/,
      /^tls\.key: is ".*absent too", which cannot be read/,
    ],
    [
      'that are folders',
      (folder) => ({ certificate: folder }),
      /^tls\.certificate: .*it is a folder/,
    ],
    [
      'that were swapped',
      (folder) => ({ certificate: join(folder, 'server.key'), key: join(folder, 'server.crt') }),
      /^tls\.certificate: .*holds no certificate/,
      /^tls\.key: .*holds no private key/,
    ],
    [
      'of another key',
      (folder) => ({ key: join(folder, 'other.key') }),
      /^tls\.key: .*is not the key of/,
    ],
    [
      'with a passphrase',
      (folder) => ({ key: join(folder, 'locked.key') }),
      /^tls\.key: .*needs a passphrase; allowed is one without: openssl pkey/,
    ],
    [
      'of an authority that is none',
      (folder) => ({ ca: join(folder, 'server.key'), clientCertificate: 'require' }),
      /^tls\.ca: .*holds no certificate/,
    ],
    [
      'of revoked certificates that are none',
      (folder) => ({
        ca: join(folder, 'ca.crt'),
        crl: join(folder, 'ca.crt'),
        clientCertificate: 'require',
      }),
      /^tls\.crl: holds no list of revoked certificates/,
    ],
    [
      'of another host',
      (folder) => ({
        hosts: [
          { name: 'a', certificate: join(folder, 'absent'), key: join(folder, 'server.key') },
        ],
      }),
      /^tls\.hosts\[0\]\.certificate: .*no such file/,
    ],
  ]
  for (const [name, changed, ...problems] of wrong) {
    test(`${name} are errors`, () => {
      const locked =
        '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n'
      using folder = lab.folder({ 'other.key': lab.client.key, 'locked.key': locked })
      assert.throws(
        () => readTlsFiles({ ...folder.tls, ...changed(folder.path) }, ['tls']),
        (error) => {
          assert.ok(error instanceof ConfigError)
          assert.equal(error.problems.length, problems.length, error.message)
          const lines = error.message.split('\n')
          for (const [index, pattern] of problems.entries())
            assert.match(lines[index] ?? '', pattern)
          return true
        },
      )
    })
  }

  test('that are old, or open to everybody, are worth a warning', () => {
    const old = issueCertificate(lab.authority, {
      usage: 'server',
      commonName: 'x',
      days,
      now: late,
    })
    using folder = lab.folder()
    writeFileSync(folder.tls.certificate, old.certificate)
    writeFileSync(folder.tls.key, old.key)
    chmodSync(folder.tls.key, 0o644)
    const { warnings } = readTlsFiles(folder.tls, ['tls'])
    assert.deepEqual(
      warnings.map((line) => line.replace(folder.path, '').replace(/ at .*/, '')),
      [
        '/server.key can be read by every user of this machine: chmod 0600 it',
        '/server.crt expired',
      ],
    )
  })
})
