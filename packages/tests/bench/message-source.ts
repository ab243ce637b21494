import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { encodePacket, Framer, largestPacket, type Packet, readPacket } from '@busbar/protocol'
import { connectPacket, publishPacket, subscribePacket } from '../src/raw-client.ts'
import { goodAnswer } from '../src/scripted-server.ts'

export const topicName = 'bench/client/throughput'
export const payload = new Uint8Array(100).fill(0x61)
/** Whoever publishes `1 5000` here gets 5,000 messages of QoS 1. */
export const moreTopic = 'more'

const window = 500
const piece = 500
const fullBuffer = 1_000_000
const puback = 0x40

/** Sends many messages for little: frames that are ready, QoS 1 within a window. */
class MessageSource {
  room = window
  readonly #socket: Socket
  readonly #frames: readonly Buffer[]
  #qos: 0 | 1 = 0
  #left = 0
  #open = 0
  #identifier = 0

  constructor(socket: Socket) {
    this.#socket = socket
    this.#frames = ([0, 1] as const).map((qos) => Buffer.from(frameOf(qos)))
    socket.on('drain', () => this.send())
  }

  ask(request: string): void {
    const [qos, count] = request.split(' ').map(Number)
    this.#qos = qos === 1 ? 1 : 0
    this.#left += count ?? 0
    this.send()
  }

  acknowledged(): void {
    this.#open--
  }

  send(): void {
    while (this.#left > 0 && this.#socket.writableLength < fullBuffer) {
      const most = this.#qos === 0 ? piece : this.room - this.#open
      const count = Math.min(this.#left, piece, most)
      if (count <= 0) return
      this.#left -= count
      this.#socket.write(this.#qos === 0 ? this.#plain(count) : this.#numbered(count))
    }
  }

  #plain(count: number): Buffer {
    return Buffer.concat(new Array<Buffer>(count).fill(this.#frames[0] as Buffer))
  }

  #numbered(count: number): Buffer {
    const frame = this.#frames[1] as Buffer
    const batch = Buffer.concat(new Array<Buffer>(count).fill(frame))
    const at = frame.length - payload.length - 3 // before the Property Length
    for (let n = 0; n < count; n++) {
      this.#identifier = (this.#identifier % 65_535) + 1
      batch.writeUInt16BE(this.#identifier, n * frame.length + at)
    }
    this.#open += count
    return batch
  }
}

function frameOf(qos: 0 | 1): Uint8Array {
  return encodePacket(publishPacket(topicName, payload, { qos, packetIdentifier: qos }), 5)
}

/** Calls back for each packet but PUBACK, which only the source counts. */
function read(
  socket: Socket,
  source: MessageSource,
  from: 'client' | 'server',
  each: (packet: Packet) => void,
): void {
  const framer = new Framer(largestPacket)
  socket.on('error', () => {})
  socket.on('data', (bytes: Buffer) => {
    framer.push(bytes)
    socket.cork()
    while (framer.advance()) {
      if (framer.firstByte === puback) source.acknowledged()
      else each(readPacket(framer.firstByte, framer.body(), 5, from))
    }
    source.send()
    socket.uncork()
  })
}

/** A server that does no more than it must: what it is sent it acknowledges, and keeps nothing. */
export async function startBareServer(): Promise<{ readonly url: string; close(): void }> {
  const server = createServer({ noDelay: true }, (socket) => {
    const source = new MessageSource(socket)
    read(socket, source, 'client', (packet) => {
      if (packet.type === 'connect') {
        source.room = Math.min(window, packet.properties.receiveMaximum ?? window)
      }
      if (packet.type === 'publish' && packet.topicName === moreTopic) {
        source.ask(Buffer.from(packet.payload).toString())
      }
      const answer = goodAnswer(packet)
      if (answer !== undefined) socket.write(encodePacket(answer, 5))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  return { url: `mqtt://127.0.0.1:${port}`, close: () => server.close() }
}

/** The same source behind a broker, as one of its clients. */
export async function startFeeder(url: string): Promise<{ close(): void }> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await once(socket, 'connect')
  const source = new MessageSource(socket)
  const subscribed = Promise.withResolvers<void>()
  read(socket, source, 'server', (packet) => {
    if (packet.type === 'connack') {
      source.room = Math.min(window, packet.properties.receiveMaximum ?? window)
      socket.write(encodePacket(subscribePacket(moreTopic), 5))
    }
    if (packet.type === 'suback') subscribed.resolve()
    if (packet.type === 'publish') source.ask(Buffer.from(packet.payload).toString())
  })
  const connectFields = {
    protocolVersion: 5,
    clientIdentifier: 'feeder',
    keepAliveSeconds: 0,
  } as const
  socket.write(encodePacket(connectPacket(connectFields), 5))
  await subscribed.promise
  return { close: () => socket.destroy() }
}
