import { z } from 'zod'
import { level } from './config-text.ts'

const host = z.string().min(1).default('127.0.0.1').meta({
  allowed: 'an IP address or a host name',
  description:
    'Address to listen on: an IPv4 or IPv6 address without brackets, or a host name. Anything but loopback needs authentication, or `auth.allowAnonymous: true`.',
})

const port = z.int().min(0).max(65_535)

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

/** The section `listeners`. */
export const listeners = z
  .array(z.discriminatedUnion('kind', [tcpListener, webSocketListener]))
  .check(forbidSharedAddresses)
  .prefault([{ kind: 'tcp' }, { kind: 'ws' }])
  .meta({
    description:
      'Where clients connect. An empty list is allowed: an embedded broker may be reached in memory only.',
  })

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
