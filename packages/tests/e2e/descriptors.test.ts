import { test } from 'node:test'
import { ConfigError, silentLog, startBroker } from '@busbar/broker'
import { type BackEndName, exhaustDescriptors } from '../src/descriptors.ts'

const isLinux = process.platform === 'linux'

for (const io of ['epoll', 'io_uring', 'net'] as const) {
  test(`${io}: file descriptors run out, and come back`, { timeout: 120_000 }, async (at) => {
    const reason = isLinux ? await faultOf(io) : 'Linux only'
    if (reason !== undefined) return at.skip(reason)
    await exhaustDescriptors(io)
  })
}

/** Why a back end does not work here. */
async function faultOf(io: BackEndName): Promise<string | undefined> {
  const listeners = [{ kind: 'tcp', port: 0 }] as const
  const config = { io, listeners, store: { engine: 'memory' } } as const
  try {
    const broker = await startBroker(config, { log: silentLog })
    await broker.close()
    return undefined
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
  }
}
