import {
  type Connect,
  encodePacket,
  Framer,
  largestPacket,
  type Packet,
  type ProtocolVersion,
  readPacket,
} from '@busbar/protocol'
import type { PeerCertificate } from '../access/authenticator.ts'
import type { Core } from '../core.ts'
import type { Transport, TransportEvents } from '../transport.ts'

type PacketOf<T extends Packet['type']> = Extract<Packet, { type: T }>

/** A client whose packets are given one by one, and whose reading can be stopped. */
export class TestPeer implements Transport {
  readonly address = 'test'
  /** To be set before CONNECT. */
  certificate: PeerCertificate | undefined
  readonly received: Packet[] = []
  isClosed = false
  /** The broker has stopped reading. */
  isPaused = false
  /** While false, what the broker writes stays pending. */
  isReading = true
  /** As a socket: the broker may use the memory of what was read again. */
  takesBytesAtOnce = false
  pendingBytes = 0
  readonly #events: TransportEvents
  readonly #endTurn: () => void
  readonly #framer = new Framer(largestPacket)
  readonly #unread: Uint8Array[] = []
  #version: ProtocolVersion = 5

  constructor(core: Core, endTurn: () => void) {
    this.#endTurn = endTurn
    this.#events = core.accept(this)
  }

  /** Sends packets, and lets the broker end its turn. */
  send(...packets: readonly Packet[]): this {
    for (const packet of packets) {
      if (packet.type === 'connect') this.#version = packet.protocolVersion
      this.#events.receive(encodePacket(packet, this.#version))
    }
    this.#endTurn()
    return this
  }

  sendBytes(bytes: Uint8Array): this {
    this.#events.receive(bytes)
    this.#endTurn()
    return this
  }

  /** Bytes that come while the broker's turn goes on. */
  arrive(bytes: Uint8Array): void {
    this.#events.receive(bytes)
  }

  /** Sends a CONNECT with these fields; the rest is ordinary. */
  connect(fields: Partial<Connect> = {}): this {
    return this.send({
      type: 'connect',
      protocolVersion: 5,
      clientIdentifier: 'peer',
      cleanStart: true,
      keepAliveSeconds: 0,
      properties: {},
      will: undefined,
      username: undefined,
      password: undefined,
      ...fields,
    })
  }

  /** Takes everything of one type that has arrived. */
  take<T extends Packet['type']>(type: T): PacketOf<T>[] {
    const taken: PacketOf<T>[] = []
    for (let i = 0; i < this.received.length; ) {
      const packet = this.received[i] as Packet
      if (packet.type === type) taken.push(...(this.received.splice(i, 1) as PacketOf<T>[]))
      else i++
    }
    return taken
  }

  /** The connection breaks without a DISCONNECT. */
  cut(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#events.closed()
    this.#endTurn()
  }

  stopReading(): void {
    this.isReading = false
  }

  startReading(): void {
    this.isReading = true
    for (const bytes of this.#unread.splice(0)) this.#read(bytes)
    this.pendingBytes = 0
    this.#events.drained()
    this.#endTurn()
  }

  write(bytes: Uint8Array): void {
    if (this.isReading) this.#read(this.takesBytesAtOnce ? bytes.slice() : bytes)
    else {
      this.#unread.push(bytes)
      this.pendingBytes += bytes.length
    }
  }

  pause(): void {
    this.isPaused = true
  }

  resume(): void {
    this.isPaused = false
  }

  end(): void {
    this.destroy()
  }

  destroy(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.#events.closed()
  }

  #read(bytes: Uint8Array): void {
    this.#framer.push(bytes)
    while (this.#framer.advance()) {
      const { firstByte } = this.#framer
      // Copied, so that its views outlast the framer's buffer.
      const packet = readPacket(firstByte, this.#framer.body(), this.#version, 'server')
      this.received.push(structuredClone(packet))
    }
  }
}
