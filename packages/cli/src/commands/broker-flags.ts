import { type Override, parseOverride } from '@busbar/broker'
import type { Arguments, Flags } from '../command.ts'

export const brokerFlags: Flags = {
  config: { value: 'FILE', description: 'Read settings from a YAML file.' },
  host: { value: 'ADDRESS', description: 'Listen on this address (default 127.0.0.1).' },
  port: { value: 'N', description: 'MQTT port (default 1883); 0 takes a free one.' },
  'ws-port': { value: 'N', description: 'WebSocket port (default 8083); 0 takes a free one.' },
  workers: { value: 'N', description: 'Hold the sockets in so many threads (default 0: none).' },
  data: { value: 'DIR', description: 'Keep what lasts in this folder (default ./busbar-data).' },
  memory: { description: 'Keep everything in memory, whatever the file says.' },
  'allow-anonymous': { description: 'Let clients in without authentication, on any address.' },
  set: { value: 'PATH=VALUE', description: 'Change one setting: --set mqtt.receiveMaximum=5' },
  'log-level': { value: 'LEVEL', description: 'error, warn, info or debug (default info).' },
}

export const brokerNotes = [
  'The environment wins over the file, as BUSBAR_LIMITS_CONNECTIONS=5 for limits.connections, and flags',
  'win over both. SIGHUP reads the file again, as `busbar reload` does. --port and --ws-port change the',
  'first listener of their kind, --host all of them. With a --port other than 1883 and no --ws-port, the',
  'WebSocket listener takes a free port unless the file names one; with --port 0 it always does, so that',
  'several brokers can run side by side. docs/configuration.md has all settings.',
]

/** What the flags change of a configuration that has been read and not yet checked. */
export function brokerOverrides(given: Arguments, input: unknown): readonly Override[] {
  const overrides: Override[] = [...listenerOverrides(given, input)]
  const add = (path: Override['path'], value: unknown, place: string) => {
    overrides.push({ path, value, place })
  }
  if (given.has('data')) {
    add(['store', 'engine'], 'sqlite', '--data')
    add(['store', 'dir'], given.value('data'), '--data')
  }
  if (given.has('workers')) add(['workers'], number(given.value('workers')), '--workers')
  if (given.has('memory')) add(['store', 'engine'], 'memory', '--memory')
  if (given.has('allow-anonymous')) add(['auth', 'allowAnonymous'], true, '--allow-anonymous')
  if (given.has('log-level')) add(['log', 'level'], given.value('log-level'), '--log-level')
  overrides.push(...given.values('set').map((text) => parseOverride(text, '--set')))
  return overrides
}

function listenerOverrides(given: Arguments, input: unknown): Override[] {
  const listed = listenersOf(input)
  // A file whose list is no list is an error that the check of the whole will report.
  if (listed !== undefined && !Array.isArray(listed)) return []
  const listeners: unknown[] = [...(listed ?? [{ kind: 'tcp' }, { kind: 'ws' }])]
  const indexOf = (kind: string) => {
    const index = listeners.findIndex((listener) => kindOf(listener) === kind)
    return index === -1 ? listeners.push({ kind }) - 1 : index
  }
  const overrides: Override[] = []
  const setPort = (kind: 'tcp' | 'ws', value: unknown, place: string) => {
    const known = listeners.length
    const index = indexOf(kind)
    if (index === known)
      overrides.push({ path: ['listeners', index], value: { kind, port: value }, place })
    else overrides.push({ path: ['listeners', index, 'port'], value, place })
  }
  const port = number(given.value('port'))
  const webSocketPort = number(given.value('ws-port'))
  if (port !== undefined) setPort('tcp', port, '--port')
  if (webSocketPort !== undefined) setPort('ws', webSocketPort, '--ws-port')
  else if (movesWebSocket(port, listed) && listeners.some((each) => kindOf(each) === 'ws'))
    setPort('ws', 0, '--port')
  const host = given.value('host')?.replace(/^\[(.*)\]$/, '$1')
  if (host === undefined) return overrides
  const hosts = listeners.flatMap((listener, index) =>
    kindOf(listener) === 'unix'
      ? []
      : [{ path: ['listeners', index, 'host'], value: host, place: '--host' }],
  )
  return [...overrides, ...hosts]
}

/** Whether a WebSocket port that nobody named has to get out of the way of another broker's. */
function movesWebSocket(port: unknown, listed: unknown): boolean {
  return port === 0 || (listed === undefined && port !== undefined && port !== 1_883)
}

function listenersOf(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || !('listeners' in input)) return undefined
  return input.listeners
}

function kindOf(listener: unknown): unknown {
  return typeof listener === 'object' && listener !== null && 'kind' in listener
    ? listener.kind
    : undefined
}

/** What is not a number is left to the check of the configuration. */
function number(text: string | undefined): number | string | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : text
}
