import {
  connectReturnCode,
  Framer,
  InboundTopicAliases,
  largestPacket,
  longestSilenceMs,
  ProtocolError,
  ReasonCode,
  readPacket,
  reasonCodeName,
} from '@busbar/protocol'
import type { Entry } from './admission.ts'
import { Authentication } from './authentication.ts'
import type { Core } from './core.ts'
import { Deadline } from './deadlines.ts'
import { inboundInPlace } from './inbound-in-place.ts'
import { inboundPacket } from './inbound-packet.ts'
import type { Member } from './members.ts'
import { Pace } from './pace.ts'
import { SendingConnection } from './sending-connection.ts'
import type { Session, SessionConnection } from './session.ts'
import type { DurabilityLevel } from './store/store.ts'
import type { Transport, TransportEvents } from './transport.ts'

/** How a connection ends: with a Will that was dropped; after the client's last word. */
interface Ending {
  readonly dropsWill?: boolean
  readonly isHeard?: boolean
}

/** Framers that are empty, for whoever sends something: few have half a packet on the way. */
const unused: Framer[] = []
const mostUnused = 64

/** For a connection that may send none. */
const noAliases = new InboundTopicAliases(0)

/** What is to be answered when a batch is committed, in this order. */
export interface WaitingAnswers {
  readonly batch: number
  readonly answers: ((error?: Error) => void)[]
}

/**
 * One Network Connection, from its first byte to its last. As a deadline it waits first for CONNECT
 * to come in time, then for Keep Alive.
 */
export class Connection
  extends SendingConnection
  implements TransportEvents, SessionConnection, Member
{
  /** Undefined once its client is known, and nothing more can come of it. */
  authentication: Authentication | undefined
  /** What the limits for new connections say of it. */
  readonly entry: Entry | undefined
  /** The durability of what is done over this connection. */
  readonly level: DurabilityLevel
  clientIdentifier = ''
  session: Session | undefined
  aliases = noAliases
  /** Among the connections of the core. */
  place = -1
  /**
   * When the packets at hand were read, or the last ones: the clock costs as much as a message. In whole
   * milliseconds, rounded down; with a fraction it would be one more object of each connection.
   */
  readAt = 0
  /** Nothing of who had the Client Identifier before is on its way any more. */
  hasHeardOther = false
  /** Acknowledgements that wait for the store; later ones queue up behind them. */
  waitingAcknowledgements = 0
  /** Those of this turn's batch. */
  waitingAnswers: WaitingAnswers | undefined

  /** Only while something has come that is not dealt with. */
  #framer: Framer | undefined
  /** In bytes, as the client has been told. */
  #maximumPacketSize: number
  /** It may be silent for so long; 0: for ever. */
  #silenceMs = 0
  /** Not yet counted for the client's rate. */
  #unpacedBytes = 0
  #pace: { readonly of: Pace; readonly ends: Deadline } | undefined
  #isHeld = false
  /** It has had its share, and others have their turn. */
  #awaitsRound = false
  /** Nothing has come yet. */
  #isSilent = true

  constructor(core: Core, transport: Transport, level: DurabilityLevel, entry?: Entry) {
    super(core, transport)
    this.entry = entry
    this.level = level
    this.authentication = new Authentication(this)
    const { limits } = core.config
    this.#maximumPacketSize = limits.connectBytes
    core.deadlines.set(this, core.clock.now() + limits.connectTimeoutSeconds * 1_000)
  }

  receive(bytes: Uint8Array): void {
    if (!this.#heard(bytes[0], bytes.length)) return
    this.#input.push(bytes)
    this.#read()
  }

  receivePart(bytes: Uint8Array, start: number, end: number): void {
    // Other transports may need output for longer than the array is left alone.
    if (this.core.hasOtherTransports) return this.receive(bytes.subarray(start, end))
    if (!this.#heard(bytes[start], end - start)) return
    this.#input.pushPart(bytes, start, end)
    this.#read()
  }

  /** Whether bytes that have come are to be read. */
  #heard(firstByte: number | undefined, length: number): boolean {
    if (this.state === 'ended' || firstByte === undefined) return false
    // Said of the first byte, because another protocol may never complete what looks like a packet.
    if (this.#isSilent && !isConnect(firstByte)) {
      this.close('the first packet is not CONNECT')
      return false
    }
    this.#isSilent = false
    this.core.statistics.bytesReceived += length
    this.#unpacedBytes += length
    return true
  }

  get #input(): Framer {
    if (this.#framer !== undefined) return this.#framer
    this.#framer = unused.pop() ?? new Framer(largestPacket)
    this.#limit(this.#framer)
    return this.#framer
  }

  #limit(framer: Framer): void {
    framer.maximumPacketSize = this.#maximumPacketSize
    framer.strictLengths = this.version === 5 && this.session !== undefined
  }

  #read(): void {
    try {
      if (this.#isHeld || this.#awaitsRound) this.#settle()
      else this.#readPackets()
    } catch (error) {
      this.#failed(error)
    }
  }

  /** The one place where a peer's fault ends (house rule: one catch for each connection). */
  guard(work: (error?: Error) => void, outcome?: Error): void {
    try {
      work(outcome)
    } catch (error) {
      this.#failed(error)
    }
  }

  #failed(error: unknown): void {
    if (error instanceof ProtocolError) this.#refuseOrDisconnect(error)
    else this.#die(error)
  }

  #readPackets(): void {
    const now = Math.floor(this.core.clock.now())
    const { messageRate, byteRate } = this.core.config.limits
    const isPaced = messageRate > 0 || byteRate > 0
    const { core } = this
    const deliveries = core.deliveries
    // Looked at again after each packet, of which others may have been read by the way.
    for (let framer = this.#framer; framer?.advance(); framer = this.#framer) {
      this.core.statistics.messagesReceived++
      this.readAt = now
      if (this.state !== 'connected' || !inboundInPlace(this, this.session as Session, framer)) {
        const { firstByte } = framer
        inboundPacket(this, readPacket(firstByte, framer.body(), this.version ?? 5, 'client'))
      }
      if (this.#isHeld || (isPaced && this.#mustRest(now))) return this.#settle()
      if (core.rounds.isShareUp(core.deliveries - deliveries)) {
        this.#settle()
        return this.#awaitRound(core.deliveries - deliveries)
      }
    }
    this.#endInput()
    const caused = core.deliveries - deliveries
    if (core.rounds.isMuch(caused)) this.#awaitRound(caused)
  }

  /** The chunk will be used again before the rest of it is looked at. */
  #settle(): void {
    this.#framer?.settle()
    this.#endInput()
    // Not before there is something: to be held for a moment costs nothing then.
    if (this.#framer !== undefined) this.transport.pause()
  }

  #endInput(): void {
    if (this.#framer?.isEmpty !== true) return
    if (unused.length < mostUnused) unused.push(this.#framer)
    this.#framer = undefined
  }

  #awaitRound(caused: number): void {
    if (this.state === 'ended') return
    this.#awaitsRound = true
    this.transport.pause()
    this.core.awaitRound(this, caused)
  }

  /** The others have had their turn. */
  goOn(): void {
    this.#awaitsRound = false
    this.#readOn()
  }

  #readOn(): void {
    if (this.state === 'ended' || this.#isHeld || this.#awaitsRound) return
    if (!this.isPaused) this.transport.resume()
    this.guard(() => this.#readPackets())
  }

  /** A client that is faster than it may be is not read from for a while. */
  #mustRest(now: number): boolean {
    if (this.state !== 'connected') return false
    this.#pace ??= { of: new Pace(), ends: new Deadline((then) => this.#rested(then)) }
    const until = this.#pace.of.spend(this.core.config.limits, this.#unpacedBytes, now)
    this.#unpacedBytes = 0
    if (until <= now) return false
    this.core.deadlines.set(this.#pace.ends, until)
    this.hold()
    this.transport.pause()
    return true
  }

  #rested(now: number): void {
    // Nothing could be heard from it meanwhile.
    this.readAt = Math.floor(now)
    this.release()
  }

  /** CONNECT was accepted: limits and timers are now those of a known client. */
  accepted(keepAliveSeconds: number): void {
    this.#maximumPacketSize = this.core.config.mqtt.maximumPacketSize
    if (this.#framer !== undefined) this.#limit(this.#framer)
    this.#silenceMs = longestSilenceMs(keepAliveSeconds)
    this.readAt = Math.floor(this.core.clock.now())
    this.core.deadlines.set(this, this.#mustBeHeardBy)
    if (this.authentication?.isOver === true) this.authentication = undefined
  }

  get #mustBeHeardBy(): number {
    // One more for what `readAt` leaves out: nobody is early [MQTT5-3.1.2-22].
    return this.#silenceMs === 0 ? Number.POSITIVE_INFINITY : this.readAt + 1 + this.#silenceMs
  }

  /** Reads no further packet until `release`; the transport is paused when more comes. */
  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    if (!this.#isHeld || this.state === 'ended') return
    this.#isHeld = false
    this.#readOn()
  }

  reached(now: number): void {
    if (this.state === 'connecting') return this.close('CONNECT took too long') // U5-3.1.4-a
    if (this.#isHeld || this.#awaitsRound) this.readAt = Math.floor(now)
    const deadline = this.#mustBeHeardBy
    // Moved here and not for each packet, so that a packet costs no timer.
    if (deadline > now) return this.core.deadlines.set(this, deadline)
    this.disconnect(ReasonCode.KeepAliveTimeout, 'nothing came within 1.5 times Keep Alive')
  }

  /** Ends the connection with a DISCONNECT where the version has one [MQTT5-4.13.2-1]. */
  disconnect(reasonCode: number, reasonString: string): void {
    if (this.state === 'connected' && this.version === 5 && !this.core.config.mqtt.silent) {
      const properties = { reasonString, ...this.#reference(reasonCode) }
      this.send({ type: 'disconnect', reasonCode, properties })
    }
    this.close(`${reasonCodeName(reasonCode)}: ${reasonString}`)
  }

  /** Refuses the CONNECT and closes [MQTT5-3.2.2-7]; 3.x is told where a return code fits. */
  refuse(reasonCode: number, reasonString: string): void {
    const returnCode = this.version === 5 ? reasonCode : connectReturnCode(reasonCode)
    if (returnCode !== undefined && !this.core.config.mqtt.silent) {
      const properties = { reasonString, ...this.#reference(reasonCode) }
      this.send({ type: 'connack', sessionPresent: false, reasonCode: returnCode, properties })
    }
    // Of what comes without end it was said once when it began.
    const level = reasonCode === ReasonCode.ConnectionRateExceeded ? 'debug' : 'info'
    this.core.log[level]('connection refused', {
      clientId: this.clientIdentifier,
      address: this.transport.address,
      reason: reasonString,
    })
    this.close(undefined)
  }

  /** Where else to go, with the Reason Code that says so (section 4.11). */
  #reference(reasonCode: number): { serverReference?: string } {
    const { serverReference } = this.core.config.mqtt
    const isMoved = serverReference !== undefined && reasonCode === ReasonCode.UseAnotherServer
    return isMoved ? { serverReference } : {}
  }

  #refuseOrDisconnect(error: ProtocolError): void {
    this.core.log.debug('protocol error', {
      clientId: this.clientIdentifier,
      address: this.transport.address,
      reason: error.message,
      statement: error.statement,
    })
    if (this.state === 'connected') return this.disconnect(error.reasonCode, error.message)
    // Answered in the form of the level that was asked for; unknown ones below 5 in that of 3.1.1.
    const level = this.version ?? error.protocolLevel
    if (level === undefined) return this.close(undefined)
    this.version = level >= 5 ? 5 : level === 3 ? 3 : 4
    this.refuse(error.reasonCode, error.message)
  }

  /** Our bug: never swallowed. */
  #die(error: unknown): void {
    const { clientIdentifier: clientId } = this
    this.core.log.error('internal error, connection closed', { clientId, error })
    this.#detach()
    this.transport.destroy()
  }

  /** Ends it without a word to the client; `reason` is for the log. */
  close(reason: string | undefined, how: Ending = {}): void {
    if (this.state === 'ended') return
    if (reason !== undefined) this.#logEnd('connection closed', reason)
    const isStored = this.session?.isStored === true
    this.flush()
    this.#detach()
    if (isStored) this.#endWhenStored(how)
    else this.transport.end(how.isHeard)
  }

  /** A Will that was dropped stays dropped: that is stored before the client can see the end. */
  #endWhenStored({ dropsWill = false, isHeard = false }: Ending): void {
    const { core, clientIdentifier } = this
    core.journal.whenCommitted(() => {
      if (!dropsWill) return this.transport.end(isHeard)
      core.arrears.whenSettled({ kind: 'session-end', clientIdentifier }, () =>
        this.transport.end(isHeard),
      )
    })
  }

  closed(): void {
    if (this.state === 'ended') return
    this.#logEnd('connection lost')
    this.guard(() => this.#detach())
  }

  /** Whoever never became a client is of interest only when something is looked for. */
  #logEnd(event: string, reason?: string): void {
    const { core, session, clientIdentifier: clientId } = this
    const { address } = this.transport
    const fields = { clientId, address, ...(reason !== undefined && { reason }) }
    if (session === undefined) core.log.debug(event, fields)
    else core.log.info(event, fields)
  }

  #detach(): void {
    if (this.state === 'ended') return
    this.state = 'ended'
    // What is in it may still be in use, so that nobody else gets it.
    this.#framer = undefined
    const { core, session } = this
    core.deadlines.clear(this)
    if (this.#pace !== undefined) core.deadlines.clear(this.#pace.ends)
    this.authentication?.ended()
    core.forget(this)
    this.clearOutput()
    if (session === undefined) return
    core.statistics.clientsConnected--
    core.hooks.disconnected?.(session)
    core.sessions.connectionEnded(session)
  }

  drained(): void {
    if (this.state !== 'connected') return
    this.guard(() => {
      if (this.isPaused && !this.#isHeld && !this.#awaitsRound) this.transport.resume()
      this.isPaused = false
      this.session?.senderIfAny?.pump()
    })
  }
}

/** A Client's first packet [MQTT5-3.1.0-1]. */
function isConnect(firstByte: number): boolean {
  return firstByte >> 4 === 1
}
