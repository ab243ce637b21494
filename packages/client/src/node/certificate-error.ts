import { ClientError } from '../errors.ts'

const authority = 'is not signed by a known authority: name yours in `tls.ca`'
const ofAnotherName = 'is for another name: use that name in the URL or in `tls.serverName`'

/** By the codes of Node: what is wrong, and what mends it. Its own texts repeat what the server sent. */
const faults: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'signs itself: give it, or its authority, in `tls.ca`',
  SELF_SIGNED_CERT_IN_CHAIN: authority,
  UNABLE_TO_GET_ISSUER_CERT: authority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: authority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: authority,
  CERT_UNTRUSTED: authority,
  CERT_REJECTED: authority,
  INVALID_CA: 'is signed by what is no authority: the server needs another one',
  INVALID_PURPOSE: 'is not for servers: the server needs another one',
  CERT_CHAIN_TOO_LONG: 'has too long a chain: the server needs another one',
  PATH_LENGTH_EXCEEDED: 'has too long a chain: the server needs another one',
  CERT_SIGNATURE_FAILURE: 'has a wrong signature: name its real authority in `tls.ca`',
  CERT_HAS_EXPIRED: 'has expired: the server needs a new one',
  CERT_REVOKED: 'is revoked: the server needs a new one',
  ERR_TLS_CERT_ALTNAME_INVALID: ofAnotherName,
  HOSTNAME_MISMATCH: ofAnotherName,
}

/**
 * The error as it is, or as one that says that the certificate of the server is not trusted. One that
 * is not valid yet is not among them: that is a clock that is behind, more often than not, and passes.
 */
export function explainCertificate(error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return error
  const fault = Object.hasOwn(faults, error.code) ? faults[error.code] : undefined
  if (fault === undefined) return error
  const text = `the certificate of the server ${fault} (${error.code})`
  return new ClientError('invalid-certificate', text, { cause: error })
}
