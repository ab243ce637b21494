import {
  type Connack,
  fitPacket,
  largestPacket,
  type OutboundTopicAliases,
  type Packet,
  type ProtocolVersion,
  ReasonCode,
} from '@busbar/protocol'
import type { Core } from './core.ts'
import { Timed } from './deadlines.ts'
import type { Delivery } from './delivery.ts'
import type { PassingFrame } from './forward.ts'
import { Output } from './output.ts'
import type { PlainRecord } from './packed-messages.ts'
import { type Transport, takesParts } from './transport.ts'

/** Output is handed to the transport before the end of the turn when it has grown to this. */
const flushBytes = 65_536

/** Outputs that are empty, for whoever has something to send: few have in one turn. */
const unused: Output[] = []
const mostUnused = 1_024

/** The first bytes of what acknowledges, by name. */
const acknowledgements = { puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70 } as const

/** What a Network Connection sends: put together in a turn, and handed to its transport at the end. */
export abstract class SendingConnection extends Timed {
  readonly core: Core
  readonly transport: Transport
  state: 'connecting' | 'connected' | 'ended' = 'connecting'
  /** Known once CONNECT has been read. */
  version: ProtocolVersion | undefined
  /** In the client's words: what it accepts, and what it wants to be told. */
  maximumPacketSize = largestPacket
  wantsProblemInformation = true
  outboundAliases: OutboundTopicAliases | undefined
  /** It does not read its answers, and is not read from. */
  protected isPaused = false
  /** Only while there is something to be sent in this turn. */
  #output: Output | undefined

  constructor(core: Core, transport: Transport) {
    super()
    this.core = core
    this.transport = transport
  }

  /** Ends it without a word to the client; `reason` is for the log. */
  abstract close(reason: string | undefined): void

  get isCongested(): boolean {
    return (
      this.state !== 'connected' || this.#unsentBytes > this.core.config.limits.output.pauseBytes
    )
  }

  get #unsentBytes(): number {
    return this.transport.pendingBytes + (this.#output?.length ?? 0)
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): boolean {
    const { core } = this
    const { frames } = core
    if (!frames.encode(this, delivery, packetIdentifier, dup)) return false
    core.statistics.publishSent++
    core.statistics.publishBytesSent += delivery.message.payload.length
    this.#append(frames.bytes, frames.start, frames.end)
    return true
  }

  sendPlain(record: PlainRecord, firstByte: number, packetIdentifier: number): boolean {
    const { frames } = this.core
    if (!this.takesFrames) return false
    if (!frames.writeRecord(this, record, firstByte, packetIdentifier)) return false
    return this.forward(frames, record.payloadBytes)
  }

  sendPubrel(packetIdentifier: number, reasonCode: number): void {
    this.sendAcknowledgement('pubrel', packetIdentifier, reasonCode)
  }

  /**
   * Success, which is nearly always the case, is four bytes in all versions (U5-3.4.2-a); in 5.0 another
   * Reason Code is one more, without properties.
   */
  sendAcknowledgement(
    type: keyof typeof acknowledgements,
    packetIdentifier: number,
    reasonCode: number,
  ): void {
    const size = reasonCode === ReasonCode.Success || this.version !== 5 ? 4 : 5
    if (this.maximumPacketSize < size) return
    const slab = this.core.acknowledgements
    const start = slab.take(size)
    const { bytes } = slab
    bytes[start] = acknowledgements[type]
    bytes[start + 1] = size - 2
    bytes[start + 2] = packetIdentifier >> 8
    bytes[start + 3] = packetIdentifier
    if (size === 5) bytes[start + 4] = reasonCode
    this.#append(bytes, start, start + size)
  }

  /** Writes a packet, without its explanation where that would be too long or is not wanted. */
  send(packet: Packet): boolean {
    const { maximumPacketSize, wantsProblemInformation } = this
    const frame = fitPacket(packet, this.version ?? 5, maximumPacketSize, wantsProblemInformation)
    if (frame === undefined) return false
    // A small array has no memory outside of V8's heap; to give it some, for a system call, costs more than this.
    const { bytes, start } = this.core.slab.room(frame.length)
    bytes.set(frame, start)
    this.#append(bytes, start, start + frame.length)
    return true
  }

  /** Writes CONNACK, after which everything else may follow [MQTT5-3.2.0-1]. */
  sendConnack(connack: Connack): void {
    if (!this.send(connack)) return this.close('CONNACK is larger than the client accepts')
    this.state = 'connected'
  }

  get takesFrames(): boolean {
    return this.outboundAliases === undefined && !this.isCongested
  }

  forward({ bytes, start, end }: PassingFrame, payloadLength: number): boolean {
    if (end - start > this.maximumPacketSize) return false
    this.core.statistics.publishSent++
    this.core.statistics.publishBytesSent += payloadLength
    this.#append(bytes, start, end)
    return true
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    if (this.state === 'ended') return
    this.core.statistics.messagesSent++
    const output = this.#output ?? this.#beginOutput()
    output.append(bytes, start, end)
    const { pauseBytes, stopReadingBytes } = this.core.config.limits.output
    if (output.length >= flushBytes || output.length >= pauseBytes) this.flush()
    // A client that does not read its answers is not read from.
    if (!this.isPaused && this.#unsentBytes > stopReadingBytes) {
      this.isPaused = true
      this.transport.pause()
    }
  }

  #beginOutput(): Output {
    this.#output = unused.pop() ?? new Output()
    this.core.hasOutput(this)
    return this.#output
  }

  /** Hands this turn's output to the transport as one piece. */
  flush(): void {
    const output = this.#output
    if (output === undefined || this.state === 'ended') return
    this.#output = undefined
    this.core.statistics.bytesSent += output.length
    this.#hand(output)
    if (unused.length < mostUnused) unused.push(output)
  }

  #hand(output: Output): void {
    const { transport } = this
    if (takesParts(transport)) return output.handTo(transport, this.core.slab)
    const piece = output.take(this.core.slab)
    // What has to wait gets memory of its own: the slabs are used again in the next turn.
    const mayShare = transport.takesBytesAtOnce === true && transport.pendingBytes === 0
    transport.write(mayShare ? piece : piece.slice())
    if (mayShare && transport.pendingBytes > 0) this.core.holdSlabs()
  }

  /** It has ended: what was to be sent is not. */
  protected clearOutput(): void {
    this.#output = undefined
  }
}
