import { parseTopicFilter } from '@busbar/protocol'
import { z } from 'zod'
import { saslPrep } from './access/sasl-prep.ts'
import { minimumScramIterations } from './access/scram.ts'
import { ConfigError, type ConfigSource, describeIssues } from './config-error.ts'

const host = z.string().min(1).default('127.0.0.1').meta({
  allowed: 'an IP address or a host name',
  description:
    'Address to listen on: an IPv4 or IPv6 address without brackets, or a host name. Anything but loopback needs authentication, or `auth.allowAnonymous: true`.',
})

const port = z.int().min(0).max(65_535)

const level = z.enum(['memory', 'os', 'disk'])

const listenerDurability = level.optional().meta({
  description: 'Level for sessions of clients that connect here, instead of `durability.default`.',
})

const tcpListener = z
  .strictObject({
    kind: z.literal('tcp').meta({ description: 'MQTT over TCP.' }),
    host,
    port: port.default(1_883).meta({ description: 'TCP port; 0 takes a free one.' }),
    durability: listenerDurability,
  })
  .meta({ title: 'tcp' })

const webSocketListener = z
  .strictObject({
    kind: z.literal('ws').meta({ description: 'MQTT over WebSocket.' }),
    host,
    port: port.default(8_083).meta({ description: 'TCP port; 0 takes a free one.' }),
    durability: listenerDurability,
    path: z
      .string()
      .regex(/^\/[^\s?#]*$/)
      .default('/mqtt')
      .meta({
        allowed: 'a path that begins with /',
        description: 'Path of the WebSocket; every other one is answered with 404.',
      }),
  })
  .meta({ title: 'ws' })

const listeners = z
  .array(z.discriminatedUnion('kind', [tcpListener, webSocketListener]))
  .check(forbidSharedAddresses)
  .prefault([{ kind: 'tcp' }, { kind: 'ws' }])
  .meta({
    description:
      'Where clients connect. An empty list is allowed: an embedded broker may be reached in memory only.',
  })

const store = z.strictObject({
  engine: z.enum(['sqlite', 'memory']).default('sqlite').meta({
    description:
      'What keeps sessions, queues and retained messages. `sqlite`: a database in `store.dir`. `memory`: they are lost when the broker stops.',
  }),
  dir: z.string().min(1).default('./busbar-data').meta({
    allowed: 'a path',
    description:
      'Folder of the database. It is made if it is not there; one broker uses it at a time.',
  }),
  maximumBytes: z.int().min(1_048_576).max(281_474_976_710_656).optional().meta({
    description:
      'Largest size of the database. When it is reached, messages that have to be stored are refused until there is room.',
  }),
  onFailure: z.enum(['exit', 'readonly']).default('exit').meta({
    description:
      'What happens when the store fails for good. `exit`: the broker ends with code 70. `readonly`: it goes on, and refuses whatever has to be stored.',
  }),
})

const durability = z.strictObject({
  default: level.default('disk').meta({
    description:
      'What has happened before an acknowledgement of something lasting leaves. `disk`: it is synced to the disk. `os`: it is handed to the operating system, and synced every second. `memory`: nothing.',
  }),
  rules: z
    .array(
      z.strictObject({
        filter: z
          .string()
          .check(({ value, issues }) => {
            try {
              parseTopicFilter(value)
            } catch (error) {
              issues.push({ code: 'custom', input: value, message: (error as Error).message })
            }
          })
          .meta({ allowed: 'a Topic Filter', description: 'Topics that the rule is for.' }),
        level: level.meta({ description: 'Level of messages on these topics.' }),
      }),
    )
    .default([])
    .meta({
      description:
        'Levels by topic. The first rule that matches counts, before that of the listener.',
    }),
})

/** A UTF-8 Encoded String of section 1.5.4 that is not empty. */
const mqttText = z
  .string()
  .min(1)
  .check(({ value, issues }) => {
    if (Buffer.byteLength(value) > 65_535 || value.includes('\0') || !value.isWellFormed())
      issues.push({ code: 'custom', input: value })
  })
  .meta({ allowed: 'text of 1 to 65535 bytes without U+0000' })

const mqtt = z.strictObject({
  maximumQoS: z
    .union([z.literal(0), z.literal(1), z.literal(2)])
    .default(2)
    .meta({ description: 'Highest QoS a client may publish with (section 3.2.2.3.4).' }),
  retainAvailable: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether messages may be retained (section 3.2.2.3.5).' }),
  wildcardSubscriptionAvailable: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether Topic Filters may have wildcards (section 3.2.2.3.11).' }),
  subscriptionIdentifierAvailable: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether subscriptions may carry an identifier (section 3.2.2.3.12).' }),
  sharedSubscriptionAvailable: z
    .boolean()
    .default(true)
    .meta({ description: 'Whether `$share/…` may be subscribed to (section 3.2.2.3.13).' }),
  receiveMaximum: z.int().min(1).max(65_535).default(1_024).meta({
    description: 'QoS 1 and 2 messages a client may have unacknowledged (section 3.2.2.3.3).',
  }),
  topicAliasMaximum: z.int().min(0).max(65_535).default(100).meta({
    description: 'Topic Aliases in each direction on one connection; 0 turns them off.',
  }),
  maximumPacketSize: z.int().min(128).max(268_435_460).default(2_097_152).meta({
    description: 'Largest packet accepted from a client, in bytes, header included.',
  }),
  serverKeepAliveSeconds: z.int().min(1).max(65_535).optional().meta({
    description:
      'Longest Keep Alive. A client that asks for more, or for none, is given this one. A 3.x client cannot be told; it is left as it is.',
  }),
  sessionExpiryMaximumSeconds: z
    .union([z.int().min(0).max(4_294_967_294), z.literal('never')])
    .default(604_800)
    .meta({
      description:
        'Longest time a session outlives its connection, in seconds; `never` lets a client ask for a session without end.',
    }),
  silent: z.boolean().default(false).meta({
    description:
      'Whether connections are closed without a word: no DISCONNECT, and no CONNACK that refuses.',
  }),
  responseInformation: mqttText.optional().meta({
    description: 'Sent to clients that request Response Information (section 3.2.2.3.15).',
  }),
  serverReference: mqttText.optional().meta({
    description: 'Another server that clients are pointed to when this one stops or is full.',
  }),
  queueQoS0: z.boolean().default(false).meta({
    description: 'Whether QoS 0 messages are queued for sessions that are offline.',
  }),
  inFlightMaximum: z.int().min(1).max(65_535).default(1_024).meta({
    description:
      'QoS 1 and 2 messages sent to a 5.0 client and not yet acknowledged; its own Receive Maximum counts when lower.',
  }),
  inFlightMaximumMqtt3: z.int().min(1).max(65_535).default(100).meta({
    description:
      'The same for 3.1 and 3.1.1 clients, which cannot say how many they are able to take.',
  }),
  whenQueueFull: z.enum(['ack', 'close']).default('ack').meta({
    description:
      'What a 3.x publisher is told when every matching queue is full: `ack` acknowledges and counts the loss, `close` closes the connection. A 5.0 publisher gets Quota exceeded (0x97).',
  }),
})

const queueMessages = z.int().min(1).max(1_000_000_000)
const queueBytes = z.int().min(1_024).max(1_099_511_627_776)

const queue = z.strictObject({
  messages: queueMessages
    .default(1_000)
    .meta({ description: 'Messages that wait in memory for one session.' }),
  bytes: queueBytes
    .default(67_108_864)
    .meta({ description: 'Bytes that wait in memory for one session.' }),
  storedMessages: queueMessages
    .default(1_000_000)
    .meta({ description: 'The same for a session whose queue is in the store.' }),
  storedBytes: queueBytes
    .default(1_073_741_824)
    .meta({ description: 'The same for a session whose queue is in the store.' }),
  policy: z
    .enum(['drop-newest', 'drop-oldest'])
    .default('drop-newest')
    .meta({ description: 'Which message is dropped, and counted as lost, when a queue is full.' }),
})

const output = z
  .strictObject({
    pauseBytes: z.int().min(1_024).max(1_073_741_824).default(262_144).meta({
      description: 'Unsent bytes of one client from which on its deliveries wait in its queue.',
    }),
    stopReadingBytes: z.int().min(1_024).max(1_073_741_824).default(1_048_576).meta({
      description:
        'Unsent bytes of one client from which on nothing is read from it; at least `pauseBytes`.',
    }),
  })
  .check(({ value, issues }) => {
    if (value.stopReadingBytes < value.pauseBytes)
      issues.push({
        code: 'custom',
        input: value.stopReadingBytes,
        path: ['stopReadingBytes'],
        params: {
          text: `is ${value.stopReadingBytes}; allowed is pauseBytes (${value.pauseBytes}) or more`,
        },
      })
  })

const limits = z.strictObject({
  connections: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(100_000)
    .meta({ description: 'Connections open at the same time; 0 sets no limit.' }),
  connectTimeoutSeconds: z.int().min(1).max(3_600).default(10).meta({
    description: 'From opening a connection to the end of its CONNECT, in total.',
  }),
  connectBytes: z.int().min(256).max(268_435_460).default(65_536).meta({
    description: 'Bytes taken from a connection before its CONNECT is accepted.',
  }),
  clientIdentifierBytes: z.int().min(23).max(65_535).default(65_535).meta({
    description: 'Longest Client Identifier in bytes; 23 have to be allowed [MQTT5-3.1.3-5].',
  }),
  topicLevels: z.int().min(1).max(65_536).default(128).meta({
    description: 'Levels of a Topic Name or Topic Filter.',
  }),
  queue: queue.prefault({}).meta({ description: 'What may wait for one session.' }),
  output: output.prefault({}).meta({ description: 'A client that reads slowly.' }),
  closeTimeoutSeconds: z.int().min(1).max(600).default(5).meta({
    description: 'How long an ending connection may take to send what is left.',
  }),
})

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

const auth = z.strictObject({
  allowAnonymous: z.boolean().optional().meta({
    description:
      'Whether clients may connect without authentication. Not given: yes while there is no user and no authenticator, and then on loopback only.',
  }),
  users: z
    .array(
      z.strictObject({
        name: mqttText.meta({ description: 'User name.' }),
        scram: scram.meta({ description: 'Keys for SCRAM-SHA-256.' }),
      }),
    )
    .check(forbidRepeatedNames)
    .prefault([])
    .meta({ description: 'Who may connect.' }),
})

const sys = z.strictObject({
  intervalSeconds: z
    .int()
    .min(0)
    .max(86_400)
    .default(10)
    .meta({ description: 'Time between two updates of the `$SYS` topics; 0 turns them off.' }),
})

const log = z.strictObject({
  level: z
    .enum(['error', 'warn', 'info', 'debug'])
    .default('info')
    .meta({ description: 'Least important events that are logged.' }),
  format: z
    .enum(['text', 'json'])
    .default('text')
    .meta({ description: 'One line of text, or one JSON object, per event; on standard error.' }),
})

/** Every setting of the broker: type, default, limits and description. */
export const configSchema = z.strictObject({
  listeners,
  store: store.prefault({}).meta({ description: 'Where state is kept.' }),
  durability: durability.prefault({}).meta({ description: 'What an acknowledgement promises.' }),
  mqtt: mqtt.prefault({}).meta({ description: 'What MQTT leaves to the server.' }),
  limits: limits.prefault({}).meta({ description: 'What one client, and all of them, may use.' }),
  auth: auth.prefault({}).meta({ description: 'Who may connect.' }),
  sys: sys.prefault({}).meta({ description: 'The `$SYS` topics.' }),
  log: log.prefault({}).meta({ description: 'The log.' }),
})

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** A checked configuration with every default filled in. */
export type Config = DeepReadonly<z.output<typeof configSchema>>
/** What `startBroker` takes: any part of a configuration. */
export type ConfigInput = DeepReadonly<z.input<typeof configSchema>>
export type ListenerConfig = Config['listeners'][number]

/** Checks a configuration and fills in the defaults. Throws `ConfigError`. */
export function parseConfig(input: unknown, source?: ConfigSource): Config {
  const result = configSchema.safeParse(input ?? {})
  if (result.success) return result.data
  throw new ConfigError(describeIssues(configSchema, result.error.issues, input, source))
}

function forbidSharedAddresses(
  payload: z.core.ParsePayload<{ kind: string; host: string; port: number }[]>,
): void {
  const seen = new Map<string, number>()
  for (const [index, { host, port }] of payload.value.entries()) {
    const first = port === 0 ? undefined : seen.get(`${host} ${port}`)
    seen.set(`${host} ${port}`, first ?? index)
    if (first === undefined) continue
    payload.issues.push({
      code: 'custom',
      input: port,
      path: [index, 'port'],
      params: { text: `is ${port}, as that of listeners[${first}]; allowed is another port, or 0` },
    })
  }
}

function forbidRepeatedNames(payload: z.core.ParsePayload<{ name: string }[]>): void {
  const seen = new Set<string>()
  for (const [index, { name: written }] of payload.value.entries()) {
    const name = saslPrep(written) ?? written
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
