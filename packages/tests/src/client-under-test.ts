import { lazyConnect } from '@busbar/client'
import mqtt from 'mqtt'

/** What an experiment asks of a client library; the same for all of them. */
export interface ClientUnderTest {
  readonly name: string
  /** Returns at once; the library connects on the side, and comes back by itself. */
  open(url: string, options?: OpenOptions): OpenClient
}

export interface OpenOptions {
  readonly clientId?: string
  readonly receiveMaximum?: number
  readonly keepAliveSeconds?: number
  /** Asks the server to keep the Session. */
  readonly keepsSession?: boolean
  /** Where the library bounds what waits: rejects what is too much. */
  readonly rejectsWhenFull?: boolean
}

export interface OpenClient {
  readonly connected: Promise<void>
  publish(topic: string, payload: string, qos: 0 | 1 | 2): Promise<void>
  /** How many results the library reports. */
  subscribe(topicFilter: string, qos: 0 | 1 | 2): Promise<number>
  /** Subscribes, and gives each message to a handler that takes its time. */
  consume(topicFilter: string, qos: 0 | 1 | 2, handle: () => Promise<void>): Promise<void>
  /** Ends it as the library's manual says, and says how many messages were left if it knows. */
  close(): Promise<number | undefined>
  /** Ends it without a word. */
  kill(): Promise<void>
}

export const busbarClient: ClientUnderTest = {
  name: 'Busbar',
  open(url, options = {}) {
    const { clientId, receiveMaximum, keepAliveSeconds, keepsSession, rejectsWhenFull } = options
    const client = lazyConnect(url, {
      ...(clientId !== undefined && { clientId }),
      ...(receiveMaximum !== undefined && { receiveMaximum }),
      ...(keepAliveSeconds !== undefined && { keepAlive: keepAliveSeconds }),
      session: { expirySeconds: keepsSession === true ? 600 : 0 },
      outbox: { whenFull: rejectsWhenFull === true ? 'reject' : 'wait' },
    })
    return {
      connected: client.connected,
      publish: async (topic, payload, qos) => void (await client.publish(topic, payload, { qos })),
      subscribe: async (topicFilter, qos) =>
        (await client.subscribe(topicFilter, { qos })).results.length,
      consume: async (topicFilter, qos, handle) => {
        const subscription = await client.subscribe(topicFilter, { qos })
        const read = async () => {
          for await (const _ of subscription) await handle()
        }
        read().catch(() => {}) // the client has stopped, which the experiment sees
      },
      close: async () => (await client.close({ drainMs: 500 })).left,
      kill: async () => void (await client.close({ drainMs: 0 })),
    }
  },
}

export const mqttJsClient: ClientUnderTest = {
  name: `MQTT.js`,
  open(url, options = {}) {
    const { clientId, receiveMaximum, keepAliveSeconds, keepsSession } = options
    const client = mqtt.connect(url, {
      protocolVersion: 5,
      clean: keepsSession !== true,
      ...(clientId !== undefined && { clientId }),
      ...(keepAliveSeconds !== undefined && { keepalive: keepAliveSeconds }),
      properties: {
        ...(receiveMaximum !== undefined && { receiveMaximum }),
        ...(keepsSession === true && { sessionExpiryInterval: 600 }),
      },
    })
    client.on('error', () => {})
    return {
      connected: new Promise((resolve) => client.once('connect', () => resolve())),
      publish: async (topic, payload, qos) => {
        await client.publishAsync(topic, payload, { qos })
      },
      subscribe: async (topicFilter, qos) =>
        (await client.subscribeAsync(topicFilter, { qos })).length,
      consume: async (topicFilter, qos, handle) => {
        // The way of its manual to take messages one after the other.
        client.handleMessage = (_packet, done) => void handle().then(() => done(), done)
        await client.subscribeAsync(topicFilter, { qos })
      },
      close: async () => {
        await client.endAsync()
        return undefined
      },
      kill: async () => {
        await Promise.race([
          client.endAsync(true),
          new Promise((resolve) => setTimeout(resolve, 500)),
        ])
      },
    }
  },
}
