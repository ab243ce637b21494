import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from './config.ts'

const refused = [
  ['no audience', { jwt: { secretFile: 's' } }, /^auth.jwt.audience: is missing/m],
  ['no key', { jwt: { audience: 'a' } }, /^auth.jwt: has not exactly one of jwksUrl, /m],
  ['two keys', { jwt: { audience: 'a', secretFile: 's', publicKeyFile: 'p' } }, /exactly one/],
  [
    'HS with a public key',
    { jwt: { audience: 'a', publicKeyFile: 'p', algorithms: ['HS256'] } },
    /^auth.jwt.algorithms: has HS256; allowed without secretFile/m,
  ],
  [
    'RS with a secret',
    { jwt: { audience: 'a', secretFile: 's', algorithms: ['RS256'] } },
    /^auth.jwt.algorithms: has RS256; allowed with a secret/m,
  ],
  [
    'alg none',
    { jwt: { audience: 'a', secretFile: 's', algorithms: ['none'] } },
    /^auth.jwt.algorithms\[0\]: is "none"; allowed is RS256/m,
  ],
  [
    'a key set in the clear',
    { jwt: { audience: 'a', jwksUrl: 'http://a.example/k' } },
    /^auth.jwt.jwksUrl: is at "http:\/\/a.example", readable on the way/m,
  ],
  [
    'a file as a key set',
    { jwt: { audience: 'a', jwksUrl: 'file:///etc/passwd' } },
    /^auth.jwt.jwksUrl: .*allowed is an address that begins with https/m,
  ],
  [
    'a hook in the clear',
    { http: { url: 'http://192.0.2.1/' } },
    /^auth.http.url: is at .*allowInsecure/m,
  ],
  [
    'a hook on the local link',
    { http: { url: 'http://169.254.169.254/' } },
    /^auth.http.url: is at .*(allowInsecure|allowLinkLocal)/m,
  ],
  [
    'a hook on the local link, with TLS',
    { http: { url: 'https://[fe80::1]/' } },
    /^auth.http.url: .*allowLinkLocal/m,
  ],
  [
    'a hook with a password in its address',
    { http: { url: 'https://a:hunter2@a.example/' } },
    /^auth.http.url: .*without user and password/m,
  ],
  ['no address', { http: { url: 'a' } }, /^auth.http.url: is not valid; allowed is an address/m],
] as const
for (const [name, auth, expected] of refused) {
  test(`refuses ${name}`, () =>
    assert.throws(
      () => parseConfig({ auth }),
      ({ message }: Error) => expected.test(message) && !message.includes('hunter2'),
    ))
}

const accepted = [
  ['a hook on loopback', { http: { url: 'http://127.0.0.1:8080/auth' } }],
  [
    'a hook in the clear, if that is meant',
    { http: { url: 'http://a.example/', allowInsecure: true } },
  ],
  ['a key set with TLS', { jwt: { audience: ['a', 'b'], jwksUrl: 'https://a.example/k' } }],
  ['ES512 only', { jwt: { audience: 'a', publicKeyFile: 'p', algorithms: ['ES512'] } }],
] as const
for (const [name, auth] of accepted) {
  test(`takes ${name}`, () => assert.ok(parseConfig({ auth }).auth))
}
