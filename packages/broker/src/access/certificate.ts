import { ReasonCode } from '@busbar/protocol'
import type { Authentication, Authenticator, Credentials } from './authenticator.ts'

/** Which part of a certificate is the user. */
export type CertificateIdentity = 'common-name' | 'alternative-name'

/** Controls, formatting characters and what stands for bytes that were no text. */
const unfit = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}\ufffd]/u

/**
 * The client is who its verified certificate says; User Name and password are not looked at then. A
 * client without a certificate is passed on.
 */
export function createCertificateAuthenticator(identity: CertificateIdentity): Authenticator {
  return { authenticate: (credentials) => identify(credentials, identity) }
}

function identify({ certificate }: Credentials, identity: CertificateIdentity): Authentication {
  if (certificate === undefined) return { outcome: 'passed-on' }
  const { commonNames, alternativeNames, fingerprint } = certificate
  const names = identity === 'common-name' ? commonNames : alternativeNames
  const [user] = names
  if (user === undefined || user === '') return refused(`has no ${words[identity]}`)
  // Which of them is meant would be a guess, and another program may guess otherwise.
  if (names.length > 1) return refused(`has more than one ${words[identity]}`)
  // A name that ends at U+0000 for one reader and not for another is two users.
  if (unfit.test(user) || Buffer.byteLength(user) > 65_535) {
    return refused(`has a ${words[identity]} with characters that no name has`)
  }
  const variables = new Map([['fingerprint', fingerprint]])
  return { outcome: 'accepted', user, variables }
}

const words: Readonly<Record<CertificateIdentity, string>> = {
  'common-name': 'Common Name',
  'alternative-name': 'alternative name',
}

function refused(what: string): Authentication {
  const reason = `the certificate ${what}`
  return { outcome: 'refused', reasonCode: ReasonCode.NotAuthorized, reason }
}
