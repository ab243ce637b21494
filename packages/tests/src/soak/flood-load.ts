import { pause } from '../deadline.ts'
import { RawClient } from '../raw-client.ts'

// The publishers and the slow readers of `flood.ts`: URL, publishers, readers, bytes of a payload.

const [url = '', publishers, readers, bytes] = process.argv.slice(2)
const payload = new Uint8Array(Number(bytes)).fill(0x78)
/** What a publisher sends before it waits for an answer. */
const window = 20
const clients: RawClient[] = []
let published = 0
let isStopping = false

/** Reads nothing at all, or a little once a second. */
async function addReader(index: number): Promise<void> {
  const reader = await RawClient.open(url)
  const qos = index % 2 === 0 ? 0 : 1
  await reader.connect({ clientIdentifier: `reader ${index}` })
  await reader.subscribe('flood/#', qos)
  reader.onPacket = (packet) => {
    if (packet.type !== 'publish' || packet.qos === 0) return
    const { packetIdentifier } = packet
    reader.send({ type: 'puback', packetIdentifier, reasonCode: 0, properties: {} })
  }
  reader.pause()
  clients.push(reader)
  if (index % 4 < 2) return
  setInterval(() => {
    reader.resume()
    setTimeout(() => reader.pause(), 2)
  }, 1_000).unref()
}

/** Publishes as fast as the broker takes it; at QoS 0, PINGRESP tells that it has. */
async function addPublisher(index: number): Promise<() => void> {
  const publisher = await RawClient.open(url)
  await publisher.connect({ clientIdentifier: `publisher ${index}` })
  clients.push(publisher)
  const qos = index % 2 === 0 ? 0 : 1
  const topic = `flood/${index}`
  let unanswered = 0
  const burst = () => {
    if (isStopping) return
    for (let number = 1; number <= window; number++)
      publisher.publish(topic, payload, { qos, packetIdentifier: qos === 0 ? 0 : number })
    published += window
    unanswered = qos === 0 ? 1 : window
    if (qos === 0) publisher.send({ type: 'pingreq' })
  }
  publisher.onPacket = () => {
    if (--unanswered === 0) burst()
  }
  return burst
}

const bursts: (() => void)[] = []
process.on('message', async (what) => {
  if (what === 'connect') {
    for (let index = 0; index < Number(readers); index++) await addReader(index)
    for (let index = 0; index < Number(publishers); index++) bursts.push(await addPublisher(index))
  }
  if (what === 'flood') for (const burst of bursts) burst()
  if (what === 'stop') {
    isStopping = true
    await pause(500)
    for (const client of clients) await client[Symbol.asyncDispose]()
  }
  process.send?.({ published, closed: clients.filter(({ isClosed }) => isClosed).length })
})
