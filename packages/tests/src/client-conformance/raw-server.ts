import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { packet, propertiesFor, pubrel, toHex, u16 } from '@busbar/conformance/bytes'
import { within } from '../deadline.ts'
import { readSent, type Sent, type SentType } from './sent.ts'

/** The bytes of a connection, whatever carries them. */
export interface Carrier {
  write(bytes: Uint8Array): void
  cut(): void
}

/** The server's end of one Network Connection: sends bytes, and takes packets in their order. */
export class Peer {
  /** All that came, in hexadecimal and in order, for what a failed case tells. */
  readonly transcript: string[] = []
  readonly version: 5 | 4
  readonly #carrier: Carrier
  readonly #packets: Sent[] = []
  #pending: Uint8Array = new Uint8Array()
  #error: unknown
  #isClosed = false
  #wake: () => void = () => {}

  constructor(carrier: Carrier, version: 5 | 4) {
    this.#carrier = carrier
    this.version = version
  }

  receive(bytes: Uint8Array): void {
    try {
      this.#pending = new Uint8Array(Buffer.concat([this.#pending, bytes]))
      for (;;) {
        const next = readSent(this.#pending, this.version)
        if (next === undefined) break
        this.#pending = next.rest
        this.transcript.push(`< ${toHex(next.packet.bytes, 32)}`)
        this.#packets.push(next.packet)
      }
    } catch (error) {
      this.#error ??= error
    }
    this.#wake()
  }

  closedByClient(): void {
    this.#isClosed = true
    this.#wake()
  }

  /** Fails when the client has sent what no client may send, looked at or not. */
  check(): void {
    if (this.#error !== undefined) throw this.#error
  }

  send(...packets: readonly Uint8Array[]): void {
    for (const bytes of packets) this.transcript.push(`> ${toHex(bytes, 32)}`)
    this.#carrier.write(Buffer.concat(packets))
  }

  /** Breaks the connection off. */
  cut(): void {
    this.#carrier.cut()
  }

  /** The next packet, which has to be of this type. */
  async expect(type: SentType): Promise<Sent> {
    const packet = await this.#next()
    assert.ok(packet !== undefined, `closed before ${type}`)
    assert.equal(packet.type, type, `${packet.type} instead of ${type}: ${toHex(packet.bytes, 32)}`)
    return packet
  }

  /** So many packets of one type, with nothing in between. */
  async expectMany(type: SentType, count: number): Promise<Sent[]> {
    const packets: Sent[] = []
    while (packets.length < count) packets.push(await this.expect(type))
    return packets
  }

  /**
   * The client has sent nothing else up to now: it answers a PUBREL that it does not know, and all
   * that came before that answer was taken.
   */
  async quiet(): Promise<void> {
    const packetId = 60_000
    this.send(pubrel(packetId))
    const answer = await this.expect('pubcomp')
    assert.equal(answer.packetId, packetId, `PUBCOMP for ${answer.packetId} comes unasked`)
  }

  /** The client closes, and sends nothing before that. */
  async closed(): Promise<void> {
    const packet = await this.#next()
    assert.equal(packet && toHex(packet.bytes, 32), undefined, 'a packet instead of the end')
  }

  /** The client ends the connection: in 5.0 with DISCONNECT and one of these codes, else silently. */
  async rejects(...reasonCodes: readonly number[]): Promise<void> {
    if (this.version === 5) {
      const { reasonCode } = await this.expect('disconnect')
      assert.ok(reasonCodes.includes(reasonCode), `DISCONNECT with 0x${reasonCode.toString(16)}`)
    }
    await this.closed()
  }

  async #next(): Promise<Sent | undefined> {
    for (;;) {
      this.check()
      const packet = this.#packets.shift()
      if (packet !== undefined || this.#isClosed) return packet
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await within(promise, 'a packet of the client, or its end', 15_000)
    }
  }
}

/** A server that knows no MQTT: a case says what it sends. */
export class RawServer implements AsyncDisposable {
  readonly peers: Peer[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #taken = 0
  #wake: () => void = () => {}

  private constructor(version: 5 | 4) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      const write = (bytes: Uint8Array) => void socket.write(bytes)
      const peer = new Peer({ write, cut: () => socket.destroy() }, version)
      this.#sockets.add(socket)
      socket.on('error', () => {}) // `close` follows
      socket.on('data', (bytes: Uint8Array) => peer.receive(bytes))
      socket.on('close', () => peer.closedByClient())
      this.peers.push(peer)
      this.#wake()
    })
  }

  static async start(version: 5 | 4): Promise<RawServer> {
    const server = new RawServer(version)
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    const address = this.#server.address()
    assert.ok(typeof address === 'object' && address !== null)
    return `mqtt://127.0.0.1:${address.port}`
  }

  /** The next connection, in their order. */
  async accept(): Promise<Peer> {
    for (;;) {
      const peer = this.peers[this.#taken]
      if (peer !== undefined) {
        this.#taken++
        return peer
      }
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#wake = resolve
      await within(promise, 'a connection of the client', 15_000)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** The fields of a CONNACK that a case chooses. */
export interface ConnackFields {
  readonly sessionPresent?: boolean
  readonly reasonCode?: number
  readonly properties?: readonly Uint8Array[]
}

export function connack(version: 5 | 4, fields: ConnackFields = {}): Uint8Array {
  const { sessionPresent = false, reasonCode = 0, properties } = fields
  const rest = propertiesFor(version, properties)
  return packet(0x20, sessionPresent ? 1 : 0, reasonCode, rest)
}

export function suback(version: 5 | 4, packetId: number, ...codes: readonly number[]): Uint8Array {
  return packet(0x90, u16(packetId), propertiesFor(version), ...codes)
}

/** 3.1.1 has no codes. */
export function unsuback(version: 5 | 4, packetId: number, count = 1): Uint8Array {
  const codes = version === 5 ? new Uint8Array(count) : new Uint8Array()
  return packet(0xb0, u16(packetId), propertiesFor(version), codes)
}
