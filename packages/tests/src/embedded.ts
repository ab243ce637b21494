import { type Broker, type ConfigInput, silentLog, startBroker } from '@busbar/broker'
import type { BrokerUrls } from './busbar.ts'
import { testedIo, testedWorkers } from './tested-io.ts'

export interface EmbeddedBroker extends BrokerUrls, AsyncDisposable {
  readonly broker: Broker
}

/** A broker in this process, on free ports, in memory where nothing else is said. */
export async function startEmbedded(config: ConfigInput = {}): Promise<EmbeddedBroker> {
  const listeners = [
    { kind: 'tcp', port: 0 },
    { kind: 'ws', port: 0 },
  ] as const
  const io = testedIo()
  const broker = await startBroker(
    {
      listeners,
      store: { engine: 'memory' },
      ...(io && { io }),
      workers: testedWorkers(),
      ...config,
    },
    { log: silentLog },
  )
  const ws = broker.addresses.find(({ kind }) => kind === 'ws')?.url ?? ''
  return { broker, tcp: broker.url, ws, [Symbol.asyncDispose]: () => broker.close() }
}
