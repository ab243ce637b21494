import { parseTopicFilter } from '@busbar/protocol'
import { z } from 'zod'
import { access } from './config-access.ts'
import { auth } from './config-auth.ts'
import { ConfigError, type ConfigSource, describeIssues } from './config-error.ts'
import { limits } from './config-limits.ts'
import { listeners } from './config-listeners.ts'
import { mqtt } from './config-mqtt.ts'
import { level } from './config-text.ts'

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

const io = z.enum(['auto', 'net', 'epoll', 'io_uring']).default('auto').meta({
  description:
    'What carries the bytes of TCP listeners. `net`: what Node has, everywhere. `epoll` and `io_uring`: the calls of the system itself, at a lower cost for each message, on Linux with Node 26.1 or later; `io_uring` needs Linux 6.12, and most containers refuse it. `auto`: `epoll` where it works, else `net`; the log says which, and why no faster one. TLS, PROXY and WebSocket use `net`.',
})

const workers = z.int().min(0).max(64).default(0).meta({
  description:
    'Threads that hold the sockets of TCP and WebSocket listeners, so that system calls, TLS and WebSocket frames use other cores; sessions, routing and the store stay on one. 0: no threads. Linux only.',
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
  access: access.prefault({}).meta({ description: 'Who may do what.' }),
  io,
  workers,
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
  const { problems = [] } = source ?? {}
  if (result.success && problems.length === 0) return result.data
  const { issues } = result.error ?? { issues: [] }
  throw new ConfigError([...problems, ...describeIssues(configSchema, issues, input, source)])
}
