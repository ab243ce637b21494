import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerCertificate } from './authenticator.ts'
import { type CertificateIdentity, createCertificateAuthenticator } from './certificate.ts'

const ada: PeerCertificate = {
  commonNames: ['ada'],
  alternativeNames: ['ada.example'],
  fingerprint: 'AA:BB',
}

async function authenticate(
  identity: CertificateIdentity,
  certificate: PeerCertificate | undefined,
) {
  const credentials = {
    clientIdentifier: 'c',
    username: 'root',
    password: undefined,
    protocolVersion: 5,
    address: '192.0.2.1:1',
    certificate,
  } as const
  const { authenticate: ask } = createCertificateAuthenticator(identity)
  return await ask(credentials, { isOver: false })
}

test('the certificate says who the client is, whatever User Name it sends', async () => {
  for (const [identity, user] of [
    ['common-name', 'ada'],
    ['alternative-name', 'ada.example'],
  ] as const) {
    const answer = await authenticate(identity, ada)
    assert.ok(answer.outcome === 'accepted')
    assert.equal(answer.user, user)
    assert.equal(answer.variables?.get('fingerprint'), 'AA:BB')
  }
})

test('without a certificate others are asked', async () => {
  assert.deepEqual(await authenticate('common-name', undefined), { outcome: 'passed-on' })
})

const refused = [
  ['no name', []],
  ['an empty name', ['']],
  ['two names', ['ada', 'root']],
  ['U+0000', ['root\0.example']],
  ['a line feed', ['root\n']],
  ['a replacement character, for bytes that were no text', ['ro\ufffdt']],
  ['half a surrogate pair', ['ro\ud800t']],
  ['a change of direction', ['ro\u202et']],
  ['a name that is too long', ['a'.repeat(65_536)]],
] as const
for (const [name, names] of refused) {
  test(`refuses a certificate with ${name}`, async () => {
    for (const identity of ['common-name', 'alternative-name'] as const) {
      const certificate = { ...ada, commonNames: names, alternativeNames: names }
      const answer = await authenticate(identity, certificate)
      assert.ok(answer.outcome === 'refused' && answer.reasonCode === 0x87)
    }
  })
}
