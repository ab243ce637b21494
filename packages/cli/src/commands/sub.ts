import { once } from 'node:events'
import { type Client, lazyConnect, type Message } from '@busbar/client'
import { parseSubscriptionFilter } from '@busbar/protocol'
import type { FreeCommand } from '../command.ts'
import type { Output } from '../output.ts'
import { explainFailure } from './message-failure.ts'
import {
  type Connection,
  connectionRows,
  type GivenOptions,
  MessageUsageError,
  number,
  type OptionRows,
  optionsHelp,
  parseOptions,
  readConnection,
  readQoS,
} from './message-options.ts'

const rows = {
  topic: { names: ['-t', '--topic'], value: 'TOPIC', description: 'A Topic Filter; repeats.' },
  verbose: { names: ['-v', '--verbose'], description: 'Print the topic before each message.' },
  count: { names: ['-C'], value: 'COUNT', description: 'Leave after so many messages.' },
  wait: { names: ['-W'], value: 'SECONDS', description: 'Leave after so long, with exit code 27.' },
  noNewline: { names: ['-N'], description: 'Print no line end after a message.' },
  ...connectionRows,
} satisfies OptionRows

export const subCommand: FreeCommand = {
  name: 'sub',
  help: [
    'Prints messages as they come, as mosquitto_sub does.',
    '  busbar sub URL|-h HOST -t FILTER... [-q QOS] [-v] [-C COUNT] [-W SECONDS]',
    optionsHelp(rows),
    [
      'Exit code 0 when COUNT is reached, or at Ctrl-C; 27 when SECONDS have passed. A refusal of the',
      'broker is its Reason Code (135: not authorized), of the connection in 3.1.1 its Return Code; 1 is',
      'all else. A connection that is lost later is opened again.',
    ].join('\n'),
  ].join('\n\n'),
  runWith,
}

const timedOut = 27

interface Asked extends Connection {
  readonly topicFilters: readonly string[]
  readonly qos: 0 | 1 | 2
  readonly isVerbose: boolean
  readonly lineEnd: string
  readonly count: number
  readonly waitMs: number | undefined
}

async function runWith(args: readonly string[], output: Output): Promise<number> {
  let version: unknown
  try {
    const given = parseOptions(rows, args)
    if (given.has('help')) {
      output.say(subCommand.help)
      return 0
    }
    const asked = await readAsked(given)
    version = asked.options.version
    return await receive(asked, output)
  } catch (error) {
    return explainFailure(error, 'sub', output, version)
  }
}

async function readAsked(given: GivenOptions): Promise<Asked> {
  const connection = await readConnection(given)
  const named = connection.topic === undefined ? [] : [connection.topic]
  const topicFilters = [...named, ...given.values('topic')]
  if (topicFilters.length === 0) {
    throw new MessageUsageError('You must specify a topic to subscribe to.')
  }
  for (const filter of topicFilters) checkFilter(filter)
  const count = given.value('count')
  const wait = given.value('wait')
  return {
    ...connection,
    topicFilters,
    qos: readQoS(given),
    isVerbose: given.has('verbose'),
    lineEnd: given.has('noNewline') ? '' : '\n',
    count:
      count === undefined ? Number.POSITIVE_INFINITY : number(count, 1, 2 ** 31, 'message count'),
    waitMs: wait === undefined ? undefined : 1_000 * number(wait, 1, 2_000_000, 'timeout'),
  }
}

function checkFilter(filter: string): void {
  try {
    parseSubscriptionFilter(filter)
  } catch {
    throw new MessageUsageError(
      `Invalid subscription topic '${filter}', are all '+' and '#' wildcards correct?`,
    )
  }
}

/** Why to leave, other than having received all. */
class Leave extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}

async function receive(asked: Asked, { complain }: Output): Promise<number> {
  const controller = new AbortController()
  const leave = (exitCode: number, message = '') => controller.abort(new Leave(exitCode, message))
  const onSignal = () => leave(0)
  const timer =
    asked.waitMs === undefined ? undefined : setTimeout(leave, asked.waitMs, timedOut, 'Timed out')
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  // Nobody reads on.
  process.stdout.once('error', onSignal)
  const client = lazyConnect(asked.url, asked.options)
  try {
    await print(client, asked, controller.signal)
    return 0
  } catch (error) {
    const reason = controller.signal.aborted ? controller.signal.reason : error
    if (!(reason instanceof Leave)) throw error
    if (reason.message !== '') complain(reason.message)
    return reason.exitCode
  } finally {
    clearTimeout(timer)
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
    process.stdout.off('error', onSignal)
    await client.close({ drainMs: 0 })
  }
}

async function print(client: Client, asked: Asked, signal: AbortSignal): Promise<void> {
  await Promise.race([firstConnection(client), aborted(signal)])
  const { topicFilters, qos } = asked
  const subscription = await client.subscribe(topicFilters, {
    qos,
    ack: 'manual',
    whenFull: 'pause',
    signal,
  })
  for (let received = 0; received < asked.count; received++) {
    const { done, value } = await subscription.next({ signal })
    if (done === true) return
    await write(value, asked)
    value.ack()
  }
}

/** The first attempt has to succeed; later ones are repeated. */
async function firstConnection(client: Client): Promise<void> {
  for await (const event of client.events()) {
    if (event.type === 'connected') return
    if (event.type === 'disconnected') throw event.error
    if (event.type === 'stopped' && event.error !== undefined) throw event.error
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

/** As mosquitto_sub writes: an empty message is nothing, or `(null)` behind its topic. */
async function write(
  { topicName, payload }: Message,
  { isVerbose, lineEnd }: Asked,
): Promise<void> {
  const isEmpty = payload.length === 0
  if (isEmpty && (!isVerbose || lineEnd === '')) return
  const head = isVerbose ? `${topicName} ` : ''
  const body = isEmpty ? '(null)' : payload
  const text = Buffer.concat([Buffer.from(head), Buffer.from(body as string), Buffer.from(lineEnd)])
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}
