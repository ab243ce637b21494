import {
  allowsAnonymous,
  type Broker,
  type ConfigFile,
  type ConfigInput,
  isLocal,
  overrideConfig,
  startBroker,
  version,
} from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { type Output, UsageError } from '../output.ts'
import { brokerFlags, brokerNotes, brokerOverrides } from './broker-flags.ts'
import { readSettings } from './settings.ts'

export const brokerCommand: Command = {
  name: 'broker',
  usage: ['[broker] [--config FILE] [--port N] [--set PATH=VALUE]...'],
  flags: brokerFlags,
  notes: brokerNotes,
  run,
}

/** The flags win over the file and the environment. */
async function readAll(given: Arguments): Promise<ConfigFile> {
  const settings = await readSettings(given.value('config'))
  return overrideConfig(settings, brokerOverrides(given, settings.input))
}

async function run(given: Arguments, output: Output): Promise<number> {
  const [surplus] = given.positionals
  if (surplus !== undefined) throw new UsageError(`busbar broker takes no ${surplus}`)
  const { input, source } = await readAll(given)
  // Before the banner, because whoever has read it may send a signal.
  const toldToStop = untilToldToStop(output)
  // `startBroker` checks it, and the errors point to the file or the flag.
  const reread = () => readAll(given)
  const broker = await startBroker(input as ConfigInput, { source, reread, ownsProcess: true })
  // What is wrong is in the log, and the old settings stay.
  process.on('SIGHUP', () => void broker.reload().catch(() => {}))
  output.say(banner(broker))
  const { onFailure } = broker.config.store
  const failure = await Promise.race([toldToStop, ...(onFailure === 'exit' ? [broker.failed] : [])])
  if (failure === undefined) {
    await broker.close()
    return 0
  }
  output.complain(`busbar: ${failure.message}`)
  // What is not stored was not acknowledged: the clients will send it again.
  await broker.close().catch(() => {})
  return storeFailure
}

/** Exit code when the store has failed: EX_SOFTWARE of sysexits.h. */
const storeFailure = 70

/** Resolves at the first signal; a second one ends the process at once. */
function untilToldToStop({ complain }: Output): Promise<undefined> {
  return new Promise((resolve) => {
    let isStopping = false
    const stop = () => {
      if (isStopping) {
        complain('busbar: told twice to stop, stopping at once')
        process.exit(1)
      }
      isStopping = true
      resolve(undefined)
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
}

function banner(broker: Broker): string {
  const { addresses, config } = broker
  const exposed = addresses.filter((_, index) => {
    const listener = config.listeners[index]
    return listener !== undefined && !isLocal(listener)
  })
  const isOpen = allowsAnonymous(config, false)
  return [
    `busbar ${version}`,
    ...addresses.map(({ url }) => `  ${url}`),
    `  ${durabilities[broker.durability]}${place(broker)}`,
    `  io: ${broker.io.backEnd}${workers(broker)}${whyNotFaster(broker)}`,
    ...addresses
      .flatMap(({ kind, url }, index) => (kind === 'tcp' ? [{ url, index }] : []))
      .slice(0, 1)
      .map(({ url, index }) => `  try: ${publishCommand(url, credentials(config, index))}`),
    ...(isOpen ? exposed : []).map(
      ({ url }) =>
        `  warning: whoever reaches ${url} may publish and subscribe, as nobody has to authenticate`,
    ),
  ].join('\n')
}

function place({ config }: Broker): string {
  return config.store.engine === 'memory' ? '' : ` (${config.store.dir})`
}

function workers({ io }: Broker): string {
  return io.workers === 0 ? '' : ` in ${io.workers} ${io.workers === 1 ? 'worker' : 'workers'}`
}

function whyNotFaster({ io: { because } }: Broker): string {
  return because.length === 0 ? '' : ` (${because.join('; ')})`
}

const durabilities = {
  memory: 'memory: messages are lost when the broker stops',
  os: 'os: what is acknowledged survives the end of the broker, not that of the machine',
  disk: 'disk: what is acknowledged is on the disk',
} as const

function publishCommand(address: string, credentials: string): string {
  const { hostname, port, protocol } = new URL(address)
  const host = { '0.0.0.0': '127.0.0.1', '[::]': '::1' }[hostname] ?? hostname.replace(/[[\]]/g, '')
  const tls = protocol === 'mqtts:' ? ' --cafile ca.crt' : ''
  return `mosquitto_pub -h ${host} -p ${port}${tls}${credentials} -t hello -m world`
}

/** What a client of this listener has to show. */
function credentials(config: Broker['config'], index: number): string {
  const listener = config.listeners[index]
  const isShown = listener?.kind === 'tcp' && listener.tls?.clientCertificate === 'require'
  const certificate = isShown ? ' --cert client.crt --key client.key' : ''
  const isNamed = isShown && config.auth.certificate !== 'none'
  return certificate + (isNamed || allowsAnonymous(config, false) ? '' : ' -u NAME -P PASSWORD')
}
