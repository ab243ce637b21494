import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/** The configurations that cases need. */
export const profileNames = [
  'default',
  'websocket',
  'maximum-qos-0',
  'maximum-qos-1',
  'retain-unavailable',
  'wildcard-unavailable',
  'shared-unavailable',
  'subscription-identifier-unavailable',
  'small-limits',
  'no-topic-alias',
  'keep-alive',
  'authentication',
  'silent',
  'connect-deadline',
  'response-information',
] as const

export type ProfileName = (typeof profileNames)[number]

/** The brokers that we can write a configuration for. */
export type ConfigFormat = 'busbar' | 'mosquitto'

/** What a profile asks of the Server; what is absent stays at the broker's default. */
export interface Settings {
  readonly maximumQoS?: 0 | 1
  readonly retainAvailable?: false
  readonly wildcardSubscriptionAvailable?: false
  readonly sharedSubscriptionAvailable?: false
  readonly subscriptionIdentifierAvailable?: false
  readonly receiveMaximum?: number
  readonly topicAliasMaximum?: number
  readonly maximumPacketSize?: number
  readonly sessionExpiryMaximumSeconds?: number
  readonly clientIdentifierBytes?: number
  readonly serverKeepAliveSeconds?: number
  readonly connectTimeoutSeconds?: number
  readonly responseInformation?: string
  readonly silent?: true
  /** Only these users may connect. */
  readonly users?: readonly { readonly name: string; readonly password: string }[]
}

/** The one user of the profile `authentication`, by password and by SCRAM-SHA-256. */
export const alice = { name: 'alice', password: 'correct horse' } as const

/** What `response-information` has the Server answer. */
export const responseInformation = 'answers/here'

export const profiles: Readonly<Record<ProfileName, Settings>> = {
  default: {},
  // The default configuration, reached by its ws: URL.
  websocket: {},
  'maximum-qos-0': { maximumQoS: 0 },
  'maximum-qos-1': { maximumQoS: 1 },
  'retain-unavailable': { retainAvailable: false },
  'wildcard-unavailable': { wildcardSubscriptionAvailable: false },
  'shared-unavailable': { sharedSubscriptionAvailable: false },
  'subscription-identifier-unavailable': { subscriptionIdentifierAvailable: false },
  'small-limits': {
    receiveMaximum: 5,
    topicAliasMaximum: 2,
    maximumPacketSize: 1_000,
    sessionExpiryMaximumSeconds: 2,
    clientIdentifierBytes: 30,
  },
  'no-topic-alias': { topicAliasMaximum: 0 },
  'keep-alive': { serverKeepAliveSeconds: 2 },
  authentication: { users: [alice] },
  silent: { silent: true },
  'connect-deadline': { connectTimeoutSeconds: 2 },
  'response-information': { responseInformation },
}

/** Where the Server is to listen, and where `renderPasswords` is written to. */
export interface Locations {
  readonly mqtt: number
  readonly websocket: number
  readonly passwords: string
}

/** A configuration file for the profile; undefined where that broker has no such setting. */
export function renderConfig(
  format: ConfigFormat,
  profile: ProfileName,
  at: Locations,
): string | undefined {
  const settings = profiles[profile]
  return format === 'busbar' ? renderBusbar(settings, at) : renderMosquitto(settings, at)
}

/** The file of passwords beside the configuration; undefined where there is none. */
export function renderPasswords(format: ConfigFormat, profile: ProfileName): string | undefined {
  const { users } = profiles[profile]
  if (format === 'busbar' || users === undefined) return undefined
  return users.map(({ name, password }) => `${name}:${mosquittoHash(password)}\n`).join('')
}

function renderBusbar(settings: Settings, at: Locations): string {
  const { users, connectTimeoutSeconds, clientIdentifierBytes, ...mqtt } = settings
  const limits = { connectTimeoutSeconds, clientIdentifierBytes }
  const auth =
    users === undefined
      ? { allowAnonymous: true }
      : {
          allowAnonymous: false,
          users: users.map(({ name, password }) => ({ name, scram: scramVerifier(password) })),
          // The cases give more wrong passwords than any client that is not guessing.
          attempts: { free: 1_000, lockAfter: 1_000, perAddress: 0 },
        }
  const sections = {
    listeners: [
      { kind: 'tcp', host: '127.0.0.1', port: at.mqtt },
      { kind: 'ws', host: '127.0.0.1', port: at.websocket, path: '/mqtt' },
    ],
    store: { engine: 'memory' },
    mqtt,
    limits,
    auth,
    ...(users !== undefined && { access: { default: 'allow' } }),
    sys: { intervalSeconds: 1 },
  }
  // JSON is YAML; one section on a line can still be read.
  const lines = Object.entries(sections).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  return `${lines.join('\n')}\n`
}

function renderMosquitto(settings: Settings, at: Locations): string | undefined {
  const { maximumQoS, topicAliasMaximum, maximumPacketSize, receiveMaximum, ...others } = settings
  const { retainAvailable, users, ...further } = others
  // It has neither limit in this size; cases find that in CONNACK.
  const { clientIdentifierBytes: _, sessionExpiryMaximumSeconds: __, ...impossible } = further
  if (Object.keys(impossible).length > 0) return undefined
  // Those of a listener stand behind it.
  const perListener = [
    maximumQoS === undefined ? [] : [`max_qos ${maximumQoS}`],
    topicAliasMaximum === undefined ? [] : [`max_topic_alias ${topicAliasMaximum}`],
  ].flat()
  return [
    // Started as root it would become a user who may not read the file of passwords.
    'user root',
    ...(users === undefined
      ? ['allow_anonymous true']
      : ['allow_anonymous false', `password_file ${at.passwords}`]),
    'persistence false',
    'sys_interval 1',
    'log_type none',
    ...(retainAvailable === false ? ['retain_available false'] : []),
    ...(receiveMaximum === undefined ? [] : [`max_inflight_messages ${receiveMaximum}`]),
    ...(maximumPacketSize === undefined ? [] : [`max_packet_size ${maximumPacketSize}`]),
    `listener ${at.mqtt} 127.0.0.1`,
    ...perListener,
    `listener ${at.websocket} 127.0.0.1`,
    'protocol websockets',
    ...perListener,
    '',
  ].join('\n')
}

/** What Mosquitto keeps of a password: PBKDF2 with SHA-512. */
function mosquittoHash(password: string): string {
  const salt = createHash('sha256').update(password).digest().subarray(0, 12)
  const hash = pbkdf2Sync(password, salt, 101, 64, 'sha512')
  return `$7$101$${salt.toString('base64')}$${hash.toString('base64')}`
}

/** What a Server keeps of a password for SCRAM-SHA-256 (RFC 5802, section 3), in base64. */
export function scramVerifier(password: string): {
  readonly salt: string
  readonly iterations: number
  readonly storedKey: string
  readonly serverKey: string
} {
  const iterations = 4_096
  const salt = createHash('sha256')
    .update(`busbar conformance ${password}`)
    .digest()
    .subarray(0, 16)
  const salted = pbkdf2Sync(password.normalize('NFKC'), salt, iterations, 32, 'sha256')
  const clientKey = createHmac('sha256', salted).update('Client Key').digest()
  const serverKey = createHmac('sha256', salted).update('Server Key').digest()
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: createHash('sha256').update(clientKey).digest('base64'),
    serverKey: serverKey.toString('base64'),
  }
}
