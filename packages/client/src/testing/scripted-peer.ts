import assert from 'node:assert/strict'
import {
  type Connack,
  encodePacket,
  Framer,
  type Link,
  largestPacket,
  type Packet,
  type ProtocolVersion,
  type Publish,
  readPacket,
} from '@busbar/protocol'
import { settle } from './virtual-clock.ts'

export type PacketOf<T extends Packet['type']> = Extract<Packet, { type: T }>

/** A server that does what the test says, one Network Connection after the other. */
export class ScriptedPeer {
  readonly connections: PeerConnection[] = []
  /** What happens to each new connection as soon as it sends something. */
  onPacket: (packet: Packet, connection: PeerConnection) => void = () => {}

  /** For `connect()`: a new connection with each call. */
  readonly target = (): Link => {
    const connection = new PeerConnection((packet) => this.onPacket(packet, connection))
    this.connections.push(connection)
    return connection.link
  }

  get last(): PeerConnection {
    const connection = this.connections.at(-1)
    assert.ok(connection !== undefined, 'nobody has connected')
    return connection
  }

  /** Answers each CONNECT with this, and leaves the rest to the test. */
  accept(fields: Partial<Connack> = {}): this {
    this.onPacket = (packet, connection) => {
      if (packet.type === 'connect') connection.send(connack(fields))
    }
    return this
  }

  /** Answers everything as a good server does. */
  serve(fields: Partial<Connack> = {}): this {
    this.onPacket = (packet, connection) => {
      const answer = packet.type === 'connect' ? connack(fields) : goodAnswer(packet)
      if (answer !== undefined) connection.send(answer)
    }
    return this
  }
}

export class PeerConnection {
  readonly received: Packet[] = []
  /** How often something was handed over to be sent. */
  writes = 0
  isClosed = false
  version: ProtocolVersion = 5
  readonly link: Link
  readonly #framer = new Framer(largestPacket)

  constructor(onPacket: (packet: Packet) => void) {
    this.link = {
      receive: () => {},
      closed: () => {},
      send: (bytes) => {
        this.writes++
        this.#framer.push(bytes.slice())
        while (this.#framer.advance()) {
          const { firstByte } = this.#framer
          const packet = readPacket(firstByte, this.#framer.body(), this.version, 'client')
          if (packet.type === 'connect') this.version = packet.protocolVersion
          this.received.push(packet)
          onPacket(packet)
        }
      },
      close: () => {
        this.isClosed = true
      },
    }
  }

  /** In a later step, as from a network; all packets of one call in one piece. */
  send(...packets: readonly Packet[]): this {
    const bytes = packets.map((packet) => encodePacket(packet, this.version))
    return this.sendBytes(Uint8Array.from(bytes.flatMap((each) => [...each])))
  }

  sendBytes(bytes: Uint8Array): this {
    queueMicrotask(() => {
      if (!this.isClosed) this.link.receive(bytes)
    })
    return this
  }

  /** The network goes away. */
  cut(): void {
    this.isClosed = true
    queueMicrotask(() => this.link.closed())
  }

  /** Takes everything of one type that has come until now. */
  async take<T extends Packet['type']>(type: T): Promise<PacketOf<T>[]> {
    await settle()
    const taken: PacketOf<T>[] = []
    for (let at = 0; at < this.received.length; ) {
      const packet = this.received[at] as Packet
      if (packet.type === type) taken.push(...(this.received.splice(at, 1) as PacketOf<T>[]))
      else at++
    }
    return taken
  }

  /** The types of all that has come, in order. */
  async types(): Promise<string[]> {
    await settle()
    return this.received.map(({ type }) => type)
  }
}

export function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes ?? new Uint8Array())
}

export function connack(fields: Partial<Connack> = {}): Connack {
  return { type: 'connack', sessionPresent: false, reasonCode: 0, properties: {}, ...fields }
}

export function publish(
  packetIdentifier: number,
  qos: 0 | 1 | 2,
  fields: Partial<Publish> = {},
): Publish {
  return {
    type: 'publish',
    dup: false,
    qos,
    retain: false,
    topicName: 't',
    packetIdentifier,
    properties: {},
    payload: new TextEncoder().encode(String(packetIdentifier)),
    ...fields,
  }
}

export function ack<T extends 'puback' | 'pubrec' | 'pubrel' | 'pubcomp'>(
  type: T,
  packetIdentifier: number,
  reasonCode = 0,
): PacketOf<T> {
  return { type, packetIdentifier, reasonCode, properties: {} } as PacketOf<T>
}

export function suback({ packetIdentifier, subscriptions }: PacketOf<'subscribe'>): Packet {
  const reasonCodes = subscriptions.map(({ options }) => options.qos)
  return { type: 'suback', packetIdentifier, properties: {}, reasonCodes }
}

export function goodAnswer(packet: Packet): Packet | undefined {
  switch (packet.type) {
    case 'publish':
      if (packet.qos === 0) return undefined
      return ack(packet.qos === 1 ? 'puback' : 'pubrec', packet.packetIdentifier)
    case 'pubrec':
      return ack('pubrel', packet.packetIdentifier)
    case 'pubrel':
      return ack('pubcomp', packet.packetIdentifier)
    case 'subscribe':
      return suback(packet)
    case 'unsubscribe': {
      const reasonCodes = packet.topicFilters.map(() => 0)
      const { packetIdentifier } = packet
      return { type: 'unsuback', packetIdentifier, properties: {}, reasonCodes }
    }
    case 'pingreq':
      return { type: 'pingresp' }
    default:
      return undefined
  }
}
