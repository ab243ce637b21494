import { z } from 'zod'
import { mqttText } from './config-text.ts'

/** The section `mqtt`. */
export const mqtt = z.strictObject({
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
