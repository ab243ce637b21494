import { z } from 'zod'
import { always } from './config-text.ts'

const queueMessages = z.int().min(1).max(1_000_000_000)
const queueBytes = z.int().min(1_024).max(1_099_511_627_776)

const queue = z.strictObject({
  messages: queueMessages.default(1_000).meta({
    description:
      'Messages that wait in memory for one session. Retained ones of a new subscription fill half of it; the others stay where they are until it is their turn.',
  }),
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
  .check(
    always(({ value, issues }) => {
      const { stopReadingBytes, pauseBytes } = value
      if (!(stopReadingBytes < pauseBytes)) return
      const text = `is ${stopReadingBytes}; allowed is pauseBytes (${pauseBytes}) or more`
      const path = ['stopReadingBytes']
      issues.push({ code: 'custom', input: stopReadingBytes, path, params: { text } })
    }),
  )

/** The section `limits`. */
export const limits = z.strictObject({
  connections: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(100_000)
    .meta({ description: 'Connections open at the same time; 0 sets no limit.' }),
  connectionsPerAddress: z.int().min(0).max(10_000_000).default(0).meta({
    description:
      'The same from one address, or from one IPv6 network of 64 bits; 0 sets no limit. More are refused with Quota exceeded (0x97).',
  }),
  connecting: z.int().min(0).max(10_000_000).default(20_000).meta({
    description:
      'Connections that have not logged in yet; more are closed at once. 0 sets no limit.',
  }),
  connectRate: z.int().min(0).max(10_000_000).default(0).meta({
    description:
      'New connections in a second; 0 sets no limit. More are refused with Connection rate exceeded (0x9F), or closed before a TLS handshake.',
  }),
  connectRatePerAddress: z
    .int()
    .min(0)
    .max(10_000_000)
    .default(0)
    .meta({ description: 'The same from one address; 0 sets no limit.' }),
  overloadLagMs: z.int().min(0).max(600_000).default(2_000).meta({
    description:
      'New connections are refused (0x89) while the event loop comes later than this to what is due; 0 lets them in always.',
  }),
  memoryBytes: z.int().min(0).max(1_099_511_627_776).optional().meta({
    description:
      'Bytes of heap and buffers from which on nothing more waits in memory for clients that are slow or away, and new connections (0x89), subscriptions and retained messages (0x97) are refused; what is dropped is counted as lost. Not given: three quarters of what the system allows; 0 sets no limit but that of the runtime.',
  }),
  messageRate: z.int().min(0).max(10_000_000).default(0).meta({
    description:
      'MQTT packets a second from one client; 0 sets no limit. A faster one is not read from for a while, so that nothing is lost.',
  }),
  byteRate: z.int().min(0).max(10_000_000_000).default(0).meta({
    description: 'Bytes a second from one client, in the same way; 0 sets no limit.',
  }),
  subscriptionsPerClient: z.int().min(0).max(100_000_000).default(200_000).meta({
    description:
      'Subscriptions of one session; more are refused with Quota exceeded (0x97). 0 sets no limit.',
  }),
  subscriptions: z
    .int()
    .min(0)
    .max(1_000_000_000)
    .default(10_000_000)
    .meta({ description: 'Subscriptions of all sessions; 0 sets no limit.' }),
  retainedMessages: z.int().min(0).max(1_000_000_000).default(2_000_000).meta({
    description:
      'Retained messages; one more is refused with Quota exceeded (0x97), and counted as lost. 0 sets no limit.',
  }),
  retainedBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .default(1_073_741_824)
    .meta({ description: 'Bytes of all retained messages; 0 sets no limit.' }),
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
