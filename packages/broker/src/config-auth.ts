import { z } from 'zod'
import { preparedName } from './access/sasl-prep.ts'
import { minimumScramIterations } from './access/scram.ts'
import { hostOf, isInTheClear, isLinkLocal } from './bounded-request.ts'
import { always, mqttText } from './config-text.ts'

const path = z.string().min(1).meta({ allowed: 'a path' })

const key = z
  .string()
  .regex(/^[A-Za-z0-9+/]{43}=$/)
  .meta({ allowed: 'Base64 of 32 bytes', secret: true })

const scram = z.strictObject({
  salt: z
    .base64()
    .min(4)
    .max(1_024)
    .meta({ description: 'Salt.', allowed: 'Base64 of 4 to 1024 characters' }),
  iterations: z.int().min(minimumScramIterations).max(10_000_000).meta({
    description: 'Iterations of PBKDF2; RFC 7677 asks for 4096 at least.',
  }),
  storedKey: key.meta({ description: 'StoredKey of RFC 5802.' }),
  serverKey: key.meta({ description: 'ServerKey of RFC 5802.' }),
})

const groups = z.array(mqttText).default([])

const webAddress = z
  .url({ protocol: /^https?$/ })
  .max(2_048)
  .refine((text) => URL.canParse(text) && !/\/\/[^/?#]*@/.test(text))
  // Secret, because of what it might wrongly have in it.
  .meta({
    allowed: 'an address that begins with https:// or http://, without user and password',
    secret: true,
  })

const allowInsecure = z.boolean().default(false).meta({
  description: 'Whether `http://` may lead anywhere but to loopback, readable on the way.',
})

const allowLinkLocal = z.boolean().default(false).meta({
  description:
    'Whether the address may be one of the local link, where clouds answer with secrets of the machine.',
})

export const symmetricAlgorithms = ['HS256', 'HS384', 'HS512'] as const

const algorithm = z.enum([
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  ...symmetricAlgorithms,
])

const jwt = z
  .strictObject({
    jwksUrl: webAddress.optional().meta({
      description:
        'Where the key set is; it is fetched again every 10 minutes, and when a token names a key that is not in it.',
    }),
    publicKeyFile: path.optional().meta({ description: 'Instead of a key set, one public key.' }),
    secretFile: path.optional().meta({
      description: 'Instead of a key set, the secret of HS256 and the like: 32 bytes at least.',
    }),
    algorithms: z.array(algorithm).min(1).optional().meta({
      description:
        'What tokens may be signed with. Not given: RS256, ES256 and EdDSA, or HS256 with `secretFile`. A secret goes with HS, and nothing else does.',
    }),
    audience: z.union([mqttText, z.array(mqttText).min(1)]).meta({
      description: 'One of these has to be in the claim `aud`.',
      allowed: 'text, or a list',
    }),
    issuer: mqttText.optional().meta({ description: 'What the claim `iss` has to be.' }),
    from: z.enum(['password', 'username']).default('password').meta({
      description: 'Which of the two carries the token.',
    }),
    userClaim: mqttText.default('sub').meta({ description: 'Claim that is the user.' }),
    groupsClaim: mqttText.default('groups').meta({
      description: 'Claim that is the group, or the list of groups.',
    }),
    clockToleranceSeconds: z.int().min(0).max(300).default(5).meta({
      description: 'How much the clock of the issuer may differ.',
    }),
    allowInsecure,
    allowLinkLocal,
  })
  .check(
    always(({ value, issues }) => {
      const sources = [value.jwksUrl, value.publicKeyFile, value.secretFile]
      if (sources.filter((source) => source !== undefined).length !== 1) {
        const text = 'has not exactly one of jwksUrl, publicKeyFile and secretFile; allowed is one'
        issues.push({ code: 'custom', input: value, params: { text } })
      }
      checkAlgorithms(value, issues)
      if (value.jwksUrl !== undefined) checkAddress('jwksUrl', value.jwksUrl, value, issues)
    }),
  )

const http = z
  .strictObject({
    url: webAddress.meta({ description: 'Where each client is asked about, with POST.' }),
    authorizationFile: path.optional().meta({
      description: 'File whose text is sent as the Authorization header.',
    }),
    timeoutMs: z.int().min(10).max(60_000).default(5_000).meta({
      description: 'How long an answer may take; a client is refused without one.',
    }),
    concurrency: z.int().min(1).max(1_000).default(20).meta({
      description: 'Requests at the same time.',
    }),
    waiting: z.int().min(0).max(100_000).default(1_000).meta({
      description:
        'Clients that wait for one of them; further ones are told that the server is busy.',
    }),
    allowInsecure,
    allowLinkLocal,
  })
  .check(always(({ value, issues }) => checkAddress('url', value.url, value, issues)))

type Issues = z.core.ParsePayload['issues']

function checkAlgorithms(
  { algorithms, secretFile }: { readonly algorithms?: unknown; readonly secretFile?: unknown },
  issues: Issues,
): void {
  const hasSecret = secretFile !== undefined
  const known = Array.isArray(algorithms) ? algorithms : []
  const names = known.filter((name) => algorithm.safeParse(name).success) as string[]
  const wrong = names.find((name) => name.startsWith('HS') !== hasSecret)
  // A public key taken for a secret is known to everybody.
  if (wrong === undefined) return
  const text = `has ${wrong}; allowed ${hasSecret ? 'with a secret is HS256, HS384 and HS512' : 'without secretFile is anything but HS'}`
  issues.push({ code: 'custom', input: wrong, path: ['algorithms'], params: { text } })
}

function checkAddress(
  name: string,
  text: string,
  value: { readonly allowInsecure: boolean; readonly allowLinkLocal: boolean },
  issues: Issues,
): void {
  if (!URL.canParse(text)) return // which is said already
  const url = new URL(text)
  const shown = JSON.stringify(url.origin)
  const problem = (says: string) =>
    issues.push({ code: 'custom', input: text, path: [name], params: { text: says } })
  if (isInTheClear(url) && !value.allowInsecure) {
    problem(`is at ${shown}, readable on the way; allowed is https:// unless allowInsecure is true`)
  }
  if (isLinkLocal(hostOf(url)) && !value.allowLinkLocal) {
    problem(`is at ${shown}, on the local link; allowed is that only when allowLinkLocal is true`)
  }
}

const seconds = z.int().min(1).max(86_400)

const attempts = z.strictObject({
  free: z.int().min(0).max(1_000).default(5).meta({
    description: 'Wrong passwords for one user from one address before the next ones are delayed.',
  }),
  delaySeconds: seconds.default(1).meta({
    description:
      'How long attempts for that user from there are refused after one more; doubled by each further one.',
  }),
  maximumDelaySeconds: seconds.default(30).meta({ description: 'Longest such delay.' }),
  lockAfter: z.int().min(1).max(1_000_000).default(20).meta({
    description: 'Wrong passwords after which the user is locked out from there.',
  }),
  lockSeconds: seconds.default(300).meta({
    description: 'For how long; after as long without a wrong password all are forgotten.',
  }),
  perAddress: z.int().min(0).max(1_000_000).default(100).meta({
    description:
      'Wrong passwords from one address, for whatever users, from which on each delays all attempts from there by `maximumDelaySeconds`; 0 sets no limit.',
  }),
  remembered: z.int().min(100).max(10_000_000).default(20_000).meta({
    description: 'Addresses, and users at an address, that are remembered; the oldest go first.',
  }),
})

const flapping = z.strictObject({
  takeovers: z.int().min(0).max(1_000_000).default(60).meta({
    description:
      'How often a Client Identifier may be taken over from a connected client within `withinSeconds`; 0 sets no limit.',
  }),
  withinSeconds: seconds.default(60).meta({ description: 'The time in which they are counted.' }),
  backOffSeconds: seconds.default(30).meta({
    description: 'For how long whoever is connected then keeps it, and others are refused.',
  }),
})

/** Who may connect, and how that is found out. */
export const auth = z.strictObject({
  allowAnonymous: z.boolean().optional().meta({
    description:
      'Whether clients may connect without authentication. Not given: yes while nothing below is there to authenticate them, and then on loopback only.',
  }),
  passwordFile: path.optional().meta({
    description:
      'Users with what is kept of their passwords, as `busbar user` writes them. Not given: `passwords` in `store.dir`, if it is there and `store.engine` is `sqlite`.',
  }),
  users: z
    .array(
      z.strictObject({
        name: mqttText.meta({ description: 'User name.' }),
        groups: groups.meta({ description: 'Groups of the user, for access rules.' }),
        scram: scram.meta({ description: 'Keys for SCRAM-SHA-256.' }),
      }),
    )
    .check(always(forbidRepeatedNames))
    .prefault([])
    .meta({ description: 'Users beside those of the file.' }),
  cacheSeconds: z.int().min(0).max(86_400).default(60).meta({
    description:
      'How long a right password need not be verified again after the last client that gave it has left.',
  }),
  waiting: z.int().min(0).max(100_000).default(250).meta({
    description:
      'Passwords that wait to be verified, two at a time; further clients are told that the server is busy.',
  }),
  certificate: z.enum(['none', 'common-name', 'alternative-name']).default('none').meta({
    description:
      'Which part of a verified client certificate is the user. User name and password are not looked at then.',
  }),
  jwt: jwt.optional().meta({ description: 'Clients that carry a JSON Web Token.' }),
  http: http.optional().meta({ description: 'A web server that is asked about each client.' }),
  attempts: attempts.prefault({}).meta({ description: 'Who guesses passwords is slowed down.' }),
  flapping: flapping.prefault({}).meta({ description: 'Clients that fight for one identifier.' }),
})

function forbidRepeatedNames(payload: z.core.ParsePayload<{ name: string }[]>): void {
  const seen = new Set<string>()
  const users: readonly unknown[] = Array.isArray(payload.value) ? payload.value : []
  for (const [index, user] of users.entries()) {
    const written = typeof user === 'object' && user !== null && 'name' in user && user.name
    if (typeof written !== 'string') continue
    const name = preparedName(written)
    if (seen.has(name))
      payload.issues.push({
        code: 'custom',
        input: written,
        path: [index, 'name'],
        params: {
          text: `is ${JSON.stringify(written)}, as that of another user; allowed is a name of its own`,
        },
      })
    seen.add(name)
  }
}
