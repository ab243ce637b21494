import { buffer } from 'node:stream/consumers'
import { type Client, connect, type OutgoingItem, type PublishOptions } from '@busbar/client'
import type { FreeCommand } from '../command.ts'
import type { Output } from '../output.ts'
import { readLines } from './lines.ts'
import { explainFailure } from './message-failure.ts'
import {
  connectionRows,
  type GivenOptions,
  MessageUsageError,
  type OptionRows,
  optionsHelp,
  parseOptions,
  readConnection,
  readInput,
  readQoS,
} from './message-options.ts'

const rows = {
  topic: { names: ['-t', '--topic'], value: 'TOPIC', description: 'Where to publish.' },
  message: { names: ['-m', '--message'], value: 'TEXT', description: 'What to publish.' },
  file: { names: ['-f', '--file'], value: 'FILE', description: 'Publish what is in the file.' },
  lines: { names: ['-l', '--stdin-line'], description: 'Publish each line of standard input.' },
  all: { names: ['-s', '--stdin-file'], description: 'Publish standard input as one message.' },
  nothing: { names: ['-n', '--null-message'], description: 'Publish an empty message.' },
  retain: { names: ['-r', '--retain'], description: 'The broker keeps it for later subscribers.' },
  ...connectionRows,
} satisfies OptionRows

const sources = ['message', 'file', 'lines', 'all', 'nothing'] as const
type Source = (typeof sources)[number]

export const pubCommand: FreeCommand = {
  name: 'pub',
  help: [
    'Publishes messages, as mosquitto_pub does.',
    '  busbar pub URL|-h HOST -t TOPIC (-m TEXT | -f FILE | -l | -s | -n) [-q QOS] [-r]',
    optionsHelp(rows),
    [
      'Exit code 0 when everything was published as far as its QoS goes. A refusal of the broker is its',
      'Reason Code (135: not authorized), of the connection in 3.1.1 its Return Code; 1 is all else.',
    ].join('\n'),
  ].join('\n\n'),
  runWith,
}

async function runWith(args: readonly string[], output: Output): Promise<number> {
  let version: unknown
  try {
    const given = parseOptions(rows, args)
    if (given.has('help')) {
      output.say(pubCommand.help)
      return 0
    }
    const source = sourceOf(given)
    const message: PublishOptions = { qos: readQoS(given), retain: given.has('retain') }
    const { url, options, topic: named } = await readConnection(given)
    version = options.version
    const topic = given.value('topic') ?? named
    if (topic === undefined) throw new MessageUsageError(bothNeeded)
    checkTopic(topic)
    const payload = await readPayload(source, given)
    const client = await connect(url, { ...options, reconnect: false })
    await publish(client, { topic, payload, ...message })
    return 0
  } catch (error) {
    return explainFailure(error, 'pub', output, version)
  }
}

const bothNeeded = 'Both topic and message must be supplied.'

function sourceOf(given: GivenOptions): Source {
  const [source, other] = sources.filter((each) => given.has(each))
  if (source === undefined) throw new MessageUsageError(bothNeeded)
  if (other !== undefined) {
    throw new MessageUsageError('Only one type of message can be sent at once.')
  }
  return source
}

function checkTopic(topic: string): void {
  if (topic !== '' && !/[+#]/.test(topic)) return
  throw new MessageUsageError(`Invalid publish topic '${topic}', does it contain '+' or '#'?`)
}

/** Undefined for lines, which are read while they are published. */
async function readPayload(source: Source, given: GivenOptions) {
  switch (source) {
    case 'message':
      return given.value('message')
    case 'file':
      return await readInput(given.value('file') ?? '')
    case 'all':
      return await buffer(process.stdin)
    case 'nothing':
      return new Uint8Array()
    case 'lines':
      return undefined
  }
}

interface Publication extends PublishOptions {
  readonly topic: string
  readonly payload: OutgoingItem['payload'] | undefined
}

async function publish(client: Client, { topic, payload, ...options }: Publication): Promise<void> {
  try {
    if (payload !== undefined) await client.publish(topic, payload, options)
    else await client.publishAll(linesAsMessages(topic, options))
  } finally {
    await client.close()
  }
}

async function* linesAsMessages(topic: string, options: PublishOptions) {
  for await (const payload of readLines(process.stdin)) yield { topic, payload, ...options }
}
