import { BlockList, isIP } from 'node:net'
import { z } from 'zod'
import { always, level } from './config-text.ts'

const host = z.string().min(1).default('127.0.0.1').meta({
  allowed: 'an IP address or a host name',
  description:
    'Address to listen on: an IPv4 or IPv6 address without brackets, or a host name. Anything but loopback needs authentication, or `auth.allowAnonymous: true`.',
})

const port = z.int().min(0).max(65_535)

const file = z.string().min(1).meta({ allowed: 'a path' })

const durability = level.optional().meta({
  description: 'Level for sessions of clients that connect here, instead of `durability.default`.',
})

const proxyProtocol = z
  .array(
    z
      .string()
      .refine(isNetwork)
      .meta({ allowed: 'an IP address, or a network such as 10.0.0.0/8' }),
  )
  .optional()
  .meta({
    description:
      'Addresses of the proxies that begin each connection with a PROXY protocol header, version 1 or 2. They have to; from anybody else such a header is refused.',
  })

const sniHost = z.strictObject({
  name: z
    .string()
    .regex(/^(\*\.)?[\w-]+(\.[\w-]+)*$/)
    .meta({
      allowed: 'a host name, or one that begins with *.',
      description: 'Host name that the client asks for.',
    }),
  certificate: file.meta({ description: 'File with the certificate for it, PEM.' }),
  key: file.meta({ description: 'File with its private key, PEM.' }),
})

const tls = z
  .strictObject({
    certificate: file.meta({
      description: 'File with the certificate, and those between it and its authority, PEM.',
    }),
    key: file.meta({ description: 'File with its private key, PEM, without a passphrase.' }),
    hosts: z.array(sniHost).default([]).meta({
      description: 'Other certificates by the host name that a client asks for (SNI).',
    }),
    clientCertificate: z.enum(['none', 'request', 'require']).default('none').meta({
      description:
        'Whether clients show a certificate. `request`: those that have one; a bad one is refused. `require`: all of them.',
    }),
    ca: file.optional().meta({
      description: 'File with the certificates of authorities for clients, PEM.',
    }),
    crl: file.optional().meta({
      description:
        'File with the lists of revoked certificates, PEM: one of each authority in `ca`.',
    }),
    minimumVersion: z
      .enum(['TLSv1.2', 'TLSv1.3'])
      .default('TLSv1.2')
      .meta({ description: 'Oldest version of TLS that is spoken.' }),
  })
  .check(
    always(({ value, issues }) => {
      const wrong = (path: string, text: string) =>
        issues.push({ code: 'custom', input: value, path: [path], params: { text } })
      if (value.clientCertificate === 'none') {
        if (value.ca !== undefined)
          wrong('ca', 'has no effect; add clientCertificate: require (or request), or leave it out')
      } else if (value.ca === undefined) {
        wrong('ca', 'is missing; allowed is a file with the authorities that clients may come from')
      }
      if (value.crl !== undefined && value.ca === undefined)
        wrong('crl', 'has no effect; allowed is a list beside ca')
    }),
  )
  .optional()
  .meta({ description: 'TLS, with these settings; left out: none.' })

const tcpListener = z
  .strictObject({
    kind: z.literal('tcp').meta({ description: 'MQTT over TCP.' }),
    host,
    port: port.default(1_883).meta({
      description: 'TCP port; 0 takes a free one. With TLS, 8883 is what clients expect.',
    }),
    durability,
    tls,
    proxyProtocol,
  })
  .meta({ title: 'tcp' })

const webSocketListener = z
  .strictObject({
    kind: z.literal('ws').meta({ description: 'MQTT over WebSocket.' }),
    host,
    port: port.default(8_083).meta({ description: 'TCP port; 0 takes a free one.' }),
    durability,
    path: z
      .string()
      .regex(/^\/[^\s?#]*$/)
      .default('/mqtt')
      .meta({
        allowed: 'a path that begins with /',
        description: 'Path of the WebSocket; every other one is answered with 404.',
      }),
    origins: z
      .array(
        z
          .string()
          .regex(/^(\*|https?:\/\/[^\s/]+)$/)
          .meta({ allowed: 'an origin such as https://example.org, or *' }),
      )
      .default([])
      .meta({
        description:
          'Web sites whose pages may connect, beside those of the same host and port; on loopback without TLS, that host is an address or localhost. Programs that send no Origin always may. `*`: every site.',
      }),
    tls,
    proxyProtocol,
  })
  .meta({ title: 'ws' })

const unixListener = z
  .strictObject({
    kind: z.literal('unix').meta({ description: 'MQTT over a Unix socket.' }),
    path: z.string().min(1).meta({ allowed: 'a path', description: 'Path of the socket.' }),
    mode: z
      .string()
      .regex(/^0?[0-7]{3}$/)
      .default('0660')
      .meta({
        allowed: 'an octal mode in quotes, such as "0660"',
        description: 'Who may connect, as the mode of the file.',
      }),
    durability,
  })
  .meta({ title: 'unix' })

/** One of them. */
export const listener = z.discriminatedUnion('kind', [tcpListener, webSocketListener, unixListener])
type Listener = z.output<typeof listener>

/** The section `listeners`. */
export const listeners = z
  .array(listener)
  .check(always(forbidSharedAddresses))
  .prefault([{ kind: 'tcp' }, { kind: 'ws' }])
  .meta({
    description:
      'Where clients connect. An empty list is allowed: an embedded broker may be reached in memory only.',
  })

/** Where a listener is, and the setting that has to change when another one is there. */
function placeOf(listener: Listener) {
  if (listener.kind === 'unix') return { key: 'path', value: listener.path, other: 'another path' }
  const { host, port: value } = listener
  return { key: 'port', value, host, other: 'another port, or 0' }
}

function forbidSharedAddresses(payload: z.core.ParsePayload<Listener[]>): void {
  const seen = new Map<string, number>()
  const listed: readonly unknown[] = Array.isArray(payload.value) ? payload.value : []
  for (const [index, each] of listed.entries()) {
    const { data } = listener.safeParse(each)
    if (data === undefined) continue // which is said already
    const { key, value, host: at, other } = placeOf(data)
    if (value === 0) continue
    const place = `${key} ${at} ${value}`
    const first = seen.get(place)
    seen.set(place, first ?? index)
    if (first === undefined) continue
    const text = `is ${value}, as that of listeners[${first}]; allowed is ${other}`
    payload.issues.push({ code: 'custom', input: value, path: [index, key], params: { text } })
  }
}

function isNetwork(text: string): boolean {
  try {
    addNetwork(new BlockList(), text)
    return true
  } catch {
    return false
  }
}

/** Adds an address, or a network such as `10.0.0.0/8`. Throws when it is neither. */
export function addNetwork(list: BlockList, text: string): void {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
    throw new RangeError(`${JSON.stringify(text)} is no network`)
  const family = version === 6 ? 'ipv6' : 'ipv4'
  if (bits === undefined) list.addAddress(address, family)
  else list.addSubnet(address, Number(bits), family)
}
