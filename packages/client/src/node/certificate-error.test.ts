import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from '../connect.ts'
import { ClientError } from '../errors.ts'
import { makeCertificate, startStreamServer, startWebSocketServer } from '../testing/servers.ts'
import type { TlsOptions } from '../transport/transport.ts'
import { explainCertificate } from './certificate-error.ts'

const good = makeCertificate()
const expired = makeCertificate({ hasExpired: true })
const skip = good === undefined || expired === undefined ? 'skipped: openssl absent' : false

const untrusted = [
  ['signs itself', good, {}, /in `tls\.ca` \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/],
  ['has expired', expired, { ca: expired?.cert ?? '' }, /\(CERT_HAS_EXPIRED\)$/],
  [
    'is for another name',
    good,
    { ca: good?.cert ?? '', serverName: 'other.example' },
    /`tls\.serverName` \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
  ],
] as const

describe('a certificate that is not trusted', { skip }, () => {
  for (const start of [startStreamServer, startWebSocketServer]) {
    for (const [name, certificate, tls, text] of untrusted) {
      test(`${start === startStreamServer ? 'TLS' : 'wss'}: one that ${name} is the end`, async () => {
        await using server = await start(certificate)
        await assert.rejects(connect(server.url, { tls: tls satisfies TlsOptions }), (error) => {
          assert.ok(error instanceof ClientError)
          assert.equal(error.code, 'invalid-certificate')
          assert.match(error.message, text)
          assert.ok(error.cause instanceof Error)
          return true
        })
        assert.equal(server.peers.length, 0)
      })
    }
  }
})

test('other errors are left as they are', () => {
  const errors = [
    Object.assign(new Error('later'), { code: 'CERT_NOT_YET_VALID' }),
    Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }),
    Object.assign(new Error('strange'), { code: 'toString' }),
    new Error('no code'),
    'no error',
  ]
  for (const error of errors) assert.equal(explainCertificate(error), error)
})
