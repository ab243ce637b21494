import { type Client, connect, indexedDbStore, lazyConnect, type Message } from '@busbar/client'
import { durableStoreCases, storeCases } from '../../../client/src/store/session-store.contract.ts'

// What the test in the browser calls, by name and from outside.

let client: Client | undefined
const received: string[] = []
const states: string[] = []

/** With a session that survives the page. */
function optionsOf(clientId: string) {
  const store = indexedDbStore(clientId)
  return { clientId, session: { expirySeconds: 600, store }, reconnect: { maxMs: 500 } }
}

async function read(messages: AsyncIterable<Message>): Promise<void> {
  for await (const message of messages) received.push(`${message.topicName} ${message.text()}`)
}

async function watch(each: Client): Promise<void> {
  for await (const event of each.events()) {
    if (event.type === 'connected') states.push(`connected ${event.session}`)
    else if (event.type === 'disconnected') states.push(`disconnected ${event.error.message}`)
    else states.push(event.type)
  }
}

const pageTest = {
  async connect(url: string, clientId: string): Promise<string> {
    client = await connect(url, optionsOf(clientId))
    void watch(client)
    const { version, sessionPresent } = client.negotiated ?? {}
    return `${version} ${sessionPresent}`
  },
  /** How the opening of a WebSocket ends, with nothing of MQTT. */
  opening(url: string): Promise<string> {
    const socket = new WebSocket(url, 'mqtt')
    return new Promise((resolve) => {
      for (const type of ['open', 'error']) socket.addEventListener(type, () => resolve(type))
    }).finally(() => socket.close()) as Promise<string>
  },
  startWithoutServer(url: string, clientId: string): void {
    client = lazyConnect(url, optionsOf(clientId))
    void watch(client)
  },
  async subscribe(filter: string): Promise<void> {
    if (client === undefined) throw new Error('there is no client')
    void read(await client.subscribe(filter, { qos: 2 }))
  },
  async publish(topic: string, text: string, qos: 0 | 1 | 2): Promise<void> {
    await client?.publish(topic, text, { qos })
  },
  async enqueue(topic: string, text: string): Promise<void> {
    await client?.enqueue(topic, text, { qos: 1, retain: true })
  },
  received: () => received,
  states: () => states,
  waiting: () => client?.stats.outboxMessages,
  /** The names of the cases that fail, with why; and how many there are. */
  async storeContract(): Promise<{ count: number; failures: string[] }> {
    const cases = [...storeCases, ...durableStoreCases]
    const failures: string[] = []
    for (const [number, { name, run }] of cases.entries()) {
      try {
        await run(() => indexedDbStore(`contract-${number}`))
      } catch (error) {
        failures.push(`${name}: ${error}`)
      }
    }
    return { count: cases.length, failures }
  },
}

Object.assign(globalThis, { pageTest })
