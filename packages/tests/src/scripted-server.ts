import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import {
  type Connack,
  encodePacket,
  Framer,
  largestPacket,
  type Packet,
  type ProtocolVersion,
  readPacket,
} from '@busbar/protocol'
import { pause } from './deadline.ts'

/** What a scripted server does with a packet. */
export type Script = (packet: Packet, connection: ServerConnection) => void

/** A server over TCP that does what a script says, and forgets nothing that came. */
export class ScriptedServer implements AsyncDisposable {
  readonly connections: ServerConnection[] = []
  script: Script
  /** When something has come last, of the steady clock. */
  heardAt = performance.now()
  readonly #server: Server

  private constructor(script: Script) {
    this.script = script
    this.#server = createServer({ noDelay: true }, (socket) => {
      const connection = new ServerConnection(socket, (packet) => {
        this.heardAt = performance.now()
        this.script(packet, connection)
      })
      this.connections.push(connection)
    })
  }

  /** On a port that the system gives, or on one that a server had before. */
  static async start(script: Script, port = 0): Promise<ScriptedServer> {
    const server = new ScriptedServer(script)
    server.#server.listen(port, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address !== null ? address.port : 0
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`
  }

  /** All packets of a type on all connections. */
  received<T extends Packet['type']>(type: T): Extract<Packet, { type: T }>[] {
    const all = this.connections.flatMap(({ received }) => received)
    return all.filter((packet): packet is Extract<Packet, { type: T }> => packet.type === type)
  }

  /** Nothing has come for so long. */
  async quiet(ms: number): Promise<void> {
    this.heardAt = performance.now()
    for (;;) {
      const left = this.heardAt + ms - performance.now()
      if (left <= 0) return
      await pause(left)
    }
  }

  /** Cuts every connection. */
  cut(): void {
    for (const connection of this.connections) connection.cut()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.cut()
    await closed
  }
}

export class ServerConnection {
  readonly received: Packet[] = []
  readonly openedAt = performance.now()
  isClosed = false
  version: ProtocolVersion = 5
  readonly #socket: Socket
  readonly #framer = new Framer(largestPacket)

  constructor(socket: Socket, onPacket: (packet: Packet) => void) {
    this.#socket = socket
    socket.on('error', () => {}) // `close` follows
    socket.on('close', () => {
      this.isClosed = true
    })
    socket.on('data', (bytes: Buffer) => {
      this.#framer.push(bytes)
      while (this.#framer.advance()) {
        const { firstByte } = this.#framer
        const packet = readPacket(firstByte, this.#framer.body(), this.version, 'client')
        if (packet.type === 'connect') this.version = packet.protocolVersion
        const own =
          packet.type === 'publish' ? { ...packet, payload: packet.payload.slice() } : packet
        this.received.push(own)
        onPacket(own)
      }
    })
  }

  send(...packets: readonly Packet[]): void {
    if (this.isClosed) return
    for (const packet of packets) this.#socket.write(encodePacket(packet, this.version))
  }

  /** After half a round trip each way. */
  sendLater(ms: number, packet: Packet): void {
    setTimeout(() => this.send(packet), ms)
  }

  cut(): void {
    this.#socket.destroy()
  }
}

export function connack(fields: Partial<Connack> = {}): Connack {
  return { type: 'connack', sessionPresent: false, reasonCode: 0, properties: {}, ...fields }
}

/** What a good server answers; undefined for what has no answer. */
export function goodAnswer(packet: Packet): Packet | undefined {
  switch (packet.type) {
    case 'connect':
      return connack()
    case 'publish':
      if (packet.qos === 0) return undefined
      return acknowledgement(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetIdentifier)
    case 'pubrec':
      return acknowledgement('pubrel', packet.packetIdentifier)
    case 'pubrel':
      return acknowledgement('pubcomp', packet.packetIdentifier)
    case 'subscribe': {
      const { packetIdentifier, subscriptions } = packet
      const reasonCodes = subscriptions.map(({ options }) => options.qos)
      return { type: 'suback', packetIdentifier, properties: {}, reasonCodes }
    }
    case 'unsubscribe': {
      const { packetIdentifier, topicFilters } = packet
      const reasonCodes = topicFilters.map(() => 0)
      return { type: 'unsuback', packetIdentifier, properties: {}, reasonCodes }
    }
    case 'pingreq':
      return { type: 'pingresp' }
    default:
      return undefined
  }
}

export function acknowledgement(
  type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp',
  packetIdentifier: number,
  reasonCode = 0,
): Packet {
  return { type, packetIdentifier, reasonCode, properties: {} }
}
