import { IdentifierTable, Inbound, type ProtocolVersion } from '@busbar/protocol'
import type { Subject } from './access/access.ts'
import type { Rights } from './access/rights.ts'
import type { Context } from './context.ts'
import { Timed } from './deadlines.ts'
import type { Delivery } from './delivery.ts'
import type { PassingFrame } from './forward.ts'
import type { PlainRecord } from './packed-messages.ts'
import { Sender } from './sender.ts'
import type { DurabilityLevel } from './store/store.ts'
import { Subscriptions } from './subscriptions.ts'
import type { PendingWill } from './wills.ts'

/** What a Session needs of the Network Connection that it is on. */
export interface SessionConnection {
  readonly version: ProtocolVersion | undefined
  /** A PUBLISH may be sent to it as it came from its publisher, but for a Packet Identifier of its own. */
  readonly takesFrames: boolean
  /** In bytes, which the client has said. */
  readonly maximumPacketSize: number
  /** Sends a frame as it is; false when it is larger than the client accepts. */
  forward(frame: PassingFrame, payloadLength: number): boolean
  /** So much waits to be sent that deliveries had better wait in the Session's queue. */
  readonly isCongested: boolean
  /** Writes a PUBLISH; false when it is larger than the client accepts [MQTT5-3.1.2-24]. */
  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): boolean
  /**
   * The same of a packed message, with the first byte of its PUBLISH; false also where it has to be
   * read for this client. At QoS 0 there is no Packet Identifier.
   */
  sendPlain(record: PlainRecord, firstByte: number, packetIdentifier: number): boolean
  sendPubrel(packetIdentifier: number, reasonCode: number): void
  disconnect(reasonCode: number, reasonString: string): void
}

export interface SessionIdentity {
  readonly clientIdentifier: string
  /** The authenticated user that it belongs to; only that user may take it up again. */
  readonly owner: string | undefined
}

const createTable = () => new IdentifierTable()

/** Sessions of code in the process of the broker; no client may use such a Client Identifier. */
export const internalPrefix = '$program/'

/**
 * The state that a client and the broker share until the Session Expiry Interval has passed, which as
 * a deadline it waits for while it has no Network Connection.
 */
export class Session extends Timed implements Subject {
  readonly clientIdentifier: string
  readonly user: string | undefined
  readonly isInternal: boolean
  // as the last authentication gave them; undefined from a restart until the client is back
  groups: readonly string[] | undefined
  variables: ReadonlyMap<string, string> | undefined
  /** Scratch of the access rules. */
  rights: Rights | undefined
  readonly subscriptions = new Subscriptions()
  /** What it has to deliver. */
  readonly sender: Sender
  /** When its interval will have passed, in milliseconds of `Clock.now`; Infinity while it does not. */
  endsAt = Number.POSITIVE_INFINITY
  protocolVersion: ProtocolVersion = 5
  /** Seconds; Infinity never expires. */
  sessionExpiryInterval = 0
  /** How durable its changes have to be before they are acknowledged. */
  level: DurabilityLevel
  /** It may outlive its Network Connection, so its state is in the store. */
  isStored = false
  /** It has, or had, a Shared Subscription. */
  hasShared = false
  will: PendingWill | undefined
  hasEnded = false
  /** Made for its first message of QoS 1 or 2. */
  #inbound: Inbound | undefined
  /** Of its Network Connection: so many of them may be unfinished. */
  #receiveMaximum = 0
  // for the Network Connection
  connection: SessionConnection | undefined
  // scratch of the router: the delivery that is being gathered for the message with this number
  routedMatch = 0
  routedIndex = 0

  readonly #expired: (session: Session) => void

  constructor(context: Context, identity: SessionIdentity, expired: (session: Session) => void) {
    super()
    this.sender = new Sender(context, this)
    this.#expired = expired
    this.level = context.durability.default
    this.clientIdentifier = identity.clientIdentifier
    this.user = identity.owner
    this.isInternal = identity.clientIdentifier.startsWith(internalPrefix)
  }

  /** A Network Connection begins. */
  connected(receiveMaximum: number): void {
    this.#receiveMaximum = receiveMaximum
    this.#inbound?.connected(receiveMaximum)
  }

  /** What it has been sent at QoS 1 and 2. */
  get inbound(): Inbound {
    if (this.#inbound !== undefined) return this.#inbound
    this.#inbound = new Inbound(createTable)
    this.#inbound.connected(this.#receiveMaximum)
    return this.#inbound
  }

  reached(): void {
    this.#expired(this)
  }
}
