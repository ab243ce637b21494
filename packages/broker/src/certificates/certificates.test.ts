import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { connect, createServer, type TlsOptions } from 'node:tls'
import {
  CertificateError,
  createAuthority,
  issueCertificate,
  type KeyPair,
  revokeCertificate,
} from './certificates.ts'

const now = new Date()
const authority = createAuthority({ commonName: 'lab', days: 10, now })
const hosts = ['localhost', '127.0.0.1', '2001:db8::1']
const server = issueCertificate(authority, {
  usage: 'server',
  commonName: 'localhost',
  days: 5,
  now,
  hosts,
})
const client = issueCertificate(authority, {
  usage: 'client',
  commonName: 'Zähler 7',
  days: 5,
  now,
})

test('an authority signs itself and is marked as one', () => {
  const certificate = new X509Certificate(authority.certificate)
  assert.equal(certificate.ca, true)
  assert.equal(certificate.subject, 'CN=lab')
  assert.equal(certificate.verify(certificate.publicKey), true)
  assert.equal(certificate.toLegacyObject().nistCurve, 'P-256')
})

test('a certificate has its names, its time and its issuer', () => {
  const certificate = new X509Certificate(server.certificate)
  const issuer = new X509Certificate(authority.certificate)
  assert.equal(certificate.checkIssued(issuer), true)
  assert.equal(certificate.verify(issuer.publicKey), true)
  assert.equal(certificate.ca, false)
  assert.equal(certificate.checkHost('localhost'), 'localhost')
  assert.equal(certificate.checkHost('other'), undefined)
  assert.equal(certificate.checkIP('127.0.0.1'), '127.0.0.1')
  assert.equal(certificate.checkIP('2001:db8::1'), '2001:db8::1')
  assert.equal(Math.round((certificate.validToDate.getTime() - now.getTime()) / 86_400_000), 5)
  assert.ok(certificate.validFromDate < now)
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('a serial number is never that of another', () => {
  const serials = [server, client, authority].map(
    ({ certificate }) => new X509Certificate(certificate).serialNumber,
  )
  assert.equal(new Set(serials).size, 3)
  for (const serial of serials) assert.match(serial, /^[0-9A-F]{32}$/)
})

test('years from 2050 on are written with four digits', () => {
  const late = createAuthority({
    commonName: 'late',
    days: 1,
    now: new Date('2051-03-01T00:00:00Z'),
  })
  assert.equal(
    new X509Certificate(late.certificate).validToDate.toISOString(),
    '2051-03-02T00:00:00.000Z',
  )
})

const unfit: readonly [string, KeyPair, RegExp][] = [
  ['a certificate that is no authority', server, /not that of an authority/],
  ['a foreign key', { ...authority, key: server.key }, /the key is not that/],
]
for (const [name, pair, message] of unfit) {
  test(`${name} does not sign`, () => {
    const sign = () => issueCertificate(pair, { usage: 'client', commonName: 'x', days: 1, now })
    assert.throws(sign, (error) => error instanceof CertificateError && message.test(error.message))
  })
}

/** Whether a server lets the client in, asked of OpenSSL. */
async function handshake(options: TlsOptions, pair: KeyPair): Promise<string> {
  const common = { cert: server.certificate, key: server.key, ca: authority.certificate }
  const listener = createServer({
    ...common,
    requestCert: true,
    rejectUnauthorized: false,
    ...options,
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  const { certificate: cert, key } = pair
  const socket = connect({ port, host: 'localhost', cert, key, ca: authority.certificate })
  socket.on('error', () => {})
  const [accepted] = await once(listener, 'secureConnection')
  const outcome = accepted.authorized ? 'authorized' : String(accepted.authorizationError)
  socket.destroy()
  accepted.destroy()
  listener.close()
  await once(listener, 'close')
  return outcome
}

describe('in a handshake', () => {
  test('a client is known by its authority', async () => {
    assert.equal(await handshake({}, client), 'authorized')
  })

  test('one of another authority is not, nor one that has expired', async () => {
    const other = createAuthority({ commonName: 'lab', days: 10, now })
    const foreign = issueCertificate(other, { usage: 'client', commonName: 'x', days: 5, now })
    assert.notEqual(await handshake({}, foreign), 'authorized')
    const old = new Date(now.getTime() - 10 * 86_400_000)
    const expired = issueCertificate(authority, {
      usage: 'client',
      commonName: 'x',
      days: 5,
      now: old,
    })
    assert.equal(await handshake({}, expired), 'CERT_HAS_EXPIRED')
  })

  test('a revoked one is not, and the list keeps those that were on it', async () => {
    const second = issueCertificate(authority, { usage: 'client', commonName: 'b', days: 5, now })
    const first = revokeCertificate(authority, client.certificate, { days: 30, now })
    assert.equal(await handshake({ crl: first }, client), 'CERT_REVOKED')
    assert.equal(await handshake({ crl: first }, second), 'authorized')
    const both = revokeCertificate(authority, second.certificate, {
      previous: first,
      days: 30,
      now,
    })
    const again = revokeCertificate(authority, second.certificate, {
      previous: both,
      days: 30,
      now,
    })
    for (const crl of [both, again]) {
      assert.equal(await handshake({ crl }, client), 'CERT_REVOKED')
      assert.equal(await handshake({ crl }, second), 'CERT_REVOKED')
    }
  })

  test('a list that is none is refused', () => {
    assert.throws(
      () => revokeCertificate(authority, client.certificate, { previous: 'x', days: 1, now }),
      CertificateError,
    )
  })
})
