import assert from 'node:assert/strict'
import { hostAndPort } from './busbar.ts'
import { within } from './deadline.ts'
import { Inbox } from './inbox.ts'
import type { Library, Message, MessageProperties, QoS, SubscriberOptions } from './library.ts'
import { needs } from './needs.ts'
import { Program, run } from './program.ts'

const versions = { '3.1': 'mqttv31', '3.1.1': 'mqttv311', '5': 'mqttv5' } as const

/** The command-line clients of Mosquitto, a process for each. */
export const mosquitto: Library = {
  name: 'Mosquitto',
  versions: ['3.1', '3.1.1', '5'],
  skip: needs('mosquitto_sub') || needs('mosquitto_pub') || needs('stdbuf'),
  leavesWithWill: ['5'],

  async subscribe({ tcp }, options) {
    const args = ['mosquitto_sub', '-d', ...address(tcp), ...subscriberArguments(options)]
    // Otherwise it keeps its lines until there are 4,096 bytes of them.
    const program = new Program('stdbuf', ['-oL', ...args])
    const inbox = new Inbox<Message>()
    program.onLine((line) => {
      if (line.startsWith('message ')) inbox.push(parseMessage(line))
    })
    await program.line(/^Subscribed /)
    return {
      next: () => inbox.next('a message for mosquitto_sub'),
      async leave() {
        program.kill('SIGTERM')
        assert.equal(await within(program.exited, 'the end of mosquitto_sub'), 0)
      },
      async cut() {
        program.kill('SIGKILL')
        assert.equal(await within(program.exited, 'the end of mosquitto_sub'), 'SIGKILL')
      },
      [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
    }
  },

  async publish({ tcp }, version, messages) {
    for (const message of messages) {
      const args = [...address(tcp), '-V', versions[version], ...publishArguments(message)]
      const { code, stderr } = await run('mosquitto_pub', args)
      assert.deepEqual([code, stderr], [0, ''])
    }
  },
}

function address(url: string): string[] {
  const { host, port } = hostAndPort(url)
  return ['-h', host, '-p', port]
}

function subscriberArguments(options: SubscriberOptions): string[] {
  const { version, filter, qos, clientId, keepsSession, will } = options
  return [
    ...['-V', versions[version], '-t', filter, '-q', String(qos)],
    ...['-F', 'message %x %j'],
    ...(clientId === undefined ? [] : ['-i', clientId]),
    ...(keepsSession === true ? ['-c'] : []),
    ...(will === undefined ? [] : willArguments(will)),
  ]
}

function willArguments({ topic, payload, qos, retain }: Message): string[] {
  const args = ['--will-topic', topic, '--will-payload', payload, '--will-qos', String(qos)]
  return retain ? [...args, '--will-retain'] : args
}

function publishArguments(message: Message): string[] {
  const { topic, payload, qos, retain, properties } = message
  return [
    ...['-t', topic, '-q', String(qos)],
    ...(payload === '' ? ['-n'] : ['-m', payload]),
    ...(retain ? ['-r'] : []),
    ...propertyArguments(properties ?? {}),
  ]
}

function propertyArguments(properties: MessageProperties): string[] {
  const single = [
    ['payload-format-indicator', properties.payloadFormatIndicator],
    ['message-expiry-interval', properties.messageExpiryInterval],
    ['content-type', properties.contentType],
    ['response-topic', properties.responseTopic],
    ['correlation-data', properties.correlationData],
  ] as const
  return [
    ...single.flatMap(([name, value]) =>
      value === undefined ? [] : ['-D', 'publish', name, String(value)],
    ),
    ...(properties.userProperties ?? []).flatMap(([name, value]) => {
      return ['-D', 'publish', 'user-property', name, value]
    }),
  ]
}

/** The properties as `%j` writes them. */
interface JsonMessage {
  readonly topic: string
  readonly qos: QoS
  readonly retain: 0 | 1
  readonly properties?: {
    readonly 'payload-format-indicator'?: 0 | 1
    readonly 'message-expiry-interval'?: number
    readonly 'content-type'?: string
    readonly 'response-topic'?: string
    readonly 'correlation-data'?: string
    readonly 'user-properties'?: Readonly<Record<string, string>>
  }
}

function parseMessage(line: string): Message {
  const [, hex = '', ...json] = line.split(' ')
  const { topic, qos, retain, properties: shown } = JSON.parse(json.join(' ')) as JsonMessage
  const payload = Buffer.from(hex, 'hex').toString()
  const message = { topic, payload, qos, retain: retain === 1 }
  return shown === undefined ? message : { ...message, properties: readProperties(shown) }
}

function readProperties(shown: NonNullable<JsonMessage['properties']>): MessageProperties {
  const properties = {
    payloadFormatIndicator: shown['payload-format-indicator'],
    messageExpiryInterval: shown['message-expiry-interval'],
    contentType: shown['content-type'],
    responseTopic: shown['response-topic'],
    correlationData: shown['correlation-data'],
    userProperties: shown['user-properties'] && Object.entries(shown['user-properties']),
  }
  return JSON.parse(JSON.stringify(properties))
}
