import { IdentifierTable, Inbound, type ProtocolVersion } from '@busbar/protocol'
import type { Subject } from './access/access.ts'
import type { Rights } from './access/rights.ts'
import type { Context } from './context.ts'
import type { Delivery } from './delivery.ts'
import type { PassingFrame } from './forward.ts'
import type { PlainRecord } from './packed-messages.ts'
import { Sender } from './sender.ts'
import type { DurabilityLevel } from './store/store.ts'
import { WithSubscriptions } from './subscriptions.ts'
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

/** What a Session needs of those that it is one of. */
interface Among {
  readonly context: Context
  /** Its interval has passed. */
  expire(session: Session): void
}

const createTable = () => new IdentifierTable()

/** Sessions of code in the process of the broker; no client may use such a Client Identifier. */
export const internalPrefix = '$program/'

/**
 * The state that a client and the broker share until the Session Expiry Interval has passed, which as
 * a deadline it waits for while it has no Network Connection.
 */
export class Session extends WithSubscriptions implements Subject {
  readonly clientIdentifier: string
  readonly user: string | undefined
  readonly isInternal: boolean
  // as the last authentication gave them; undefined from a restart until the client is back
  groups: readonly string[] | undefined
  variables: ReadonlyMap<string, string> | undefined
  /** Scratch of the access rules. */
  rights: Rights | undefined
  /** Made for the first message that is for it. */
  senderIfAny: Sender | undefined
  /** When its interval will have passed, in milliseconds of `Clock.now`; undefined while it does not. */
  endsAt: number | undefined
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
  /** Receive Maximum of its client: so many messages of QoS 1 and 2 may be on the way to it. */
  clientReceiveMaximum = 0
  /** Ours: so many may be on the way from it. */
  #receiveMaximum = 0
  // for the Network Connection
  connection: SessionConnection | undefined
  // scratch of the router: the delivery that is being gathered for the message with this number
  routedMatch = 0
  routedIndex = 0

  readonly #among: Among

  constructor(among: Among, identity: SessionIdentity) {
    super()
    this.#among = among
    this.level = among.context.durability.default
    this.clientIdentifier = identity.clientIdentifier
    this.user = identity.owner
    this.isInternal = identity.clientIdentifier.startsWith(internalPrefix)
  }

  /** A Network Connection begins, on which either side has said its Receive Maximum. */
  connected(maximum: { readonly ofClient: number; readonly ours: number }): void {
    this.clientReceiveMaximum = maximum.ofClient
    this.#receiveMaximum = maximum.ours
    this.senderIfAny?.connected()
    this.#inbound?.connected(maximum.ours)
  }

  /** What it has to deliver. */
  get sender(): Sender {
    this.senderIfAny ??= new Sender(this.#among.context, this)
    return this.senderIfAny
  }

  /** What it has been sent at QoS 1 and 2. */
  get inbound(): Inbound {
    if (this.#inbound !== undefined) return this.#inbound
    this.#inbound = new Inbound(createTable)
    this.#inbound.connected(this.#receiveMaximum)
    return this.#inbound
  }

  reached(): void {
    this.#among.expire(this)
  }
}
