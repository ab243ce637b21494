import { toHex, type Version } from './data-types.ts'
import { type PropertyName, propertyIdentifier } from './properties.ts'

/** What a Server may send, by name. */
export type ReceivedType =
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'suback'
  | 'unsuback'
  | 'pingresp'
  | 'disconnect'
  | 'auth'

export type PropertyValue = number | string | Uint8Array | readonly [name: string, value: string]

/** The fields of a packet that a Server sent; a field its type lacks has the empty value. */
export interface ReceivedFields {
  readonly type: ReceivedType
  readonly version: Version
  /** The whole packet. */
  readonly bytes: Uint8Array
  /** What follows the Remaining Length. */
  readonly body: Uint8Array
  readonly packetId: number
  readonly reasonCode: number
  /** Of SUBACK and UNSUBACK. */
  readonly reasonCodes: readonly number[]
  readonly sessionPresent: boolean
  readonly topic: string
  readonly topicBytes: Uint8Array
  readonly payload: Uint8Array
  readonly propertyList: readonly (readonly [identifier: number, value: PropertyValue])[]
}

const decoder = new TextDecoder()

/** One packet that the Server sent. */
export class Received implements ReceivedFields {
  readonly type: ReceivedType
  readonly version: Version
  readonly bytes: Uint8Array
  readonly body: Uint8Array
  readonly packetId: number
  readonly reasonCode: number
  readonly reasonCodes: readonly number[]
  readonly sessionPresent: boolean
  readonly topic: string
  readonly topicBytes: Uint8Array
  readonly payload: Uint8Array
  readonly propertyList: readonly (readonly [identifier: number, value: PropertyValue])[]

  constructor(fields: ReceivedFields) {
    this.type = fields.type
    this.version = fields.version
    this.bytes = fields.bytes
    this.body = fields.body
    this.packetId = fields.packetId
    this.reasonCode = fields.reasonCode
    this.reasonCodes = fields.reasonCodes
    this.sessionPresent = fields.sessionPresent
    this.topic = fields.topic
    this.topicBytes = fields.topicBytes
    this.payload = fields.payload
    this.propertyList = fields.propertyList
  }

  get firstByte(): number {
    return this.bytes[0] ?? 0
  }

  get flags(): number {
    return this.firstByte & 0x0f
  }

  get qos(): number {
    return this.type === 'publish' ? (this.firstByte >> 1) & 0b11 : 0
  }

  get dup(): boolean {
    return this.type === 'publish' && (this.firstByte & 0b1000) !== 0
  }

  get retain(): boolean {
    return this.type === 'publish' && (this.firstByte & 0b0001) !== 0
  }

  /** The payload as text. */
  get text(): string {
    return decoder.decode(this.payload)
  }

  /** The value of a property by its name or identifier; undefined when the packet lacks it. */
  property<Name extends PropertyName | number>(which: Name): ValueOf<Name> | undefined {
    return this.properties(which)[0]
  }

  /** All values of a property that may repeat, in their order. */
  properties<Name extends PropertyName | number>(which: Name): ValueOf<Name>[] {
    const identifier = propertyIdentifier(which)
    const found = this.propertyList.filter(([at]) => at === identifier)
    // The table gives the form of each identifier and the decoder follows it.
    return found.map(([, value]) => value as ValueOf<Name>)
  }

  /** The packet in words and in hexadecimal, for messages. */
  toString(): string {
    const words: string[] = [this.type.toUpperCase()]
    if (this.type === 'publish') {
      words.push(`QoS ${this.qos}`, this.dup ? 'DUP' : '', this.retain ? 'RETAIN' : '')
      words.push(JSON.stringify(this.topic), `payload ${this.payload.length} bytes`)
    }
    if (this.packetId > 0) words.push(`id ${this.packetId}`)
    if (this.type === 'connack') words.push(`session present ${this.sessionPresent ? 1 : 0}`)
    if (this.reasonCodes.length > 0) words.push(`codes ${codes(this.reasonCodes)}`)
    else if (this.type !== 'publish' && this.type !== 'pingresp') {
      words.push(`code ${codes([this.reasonCode])}`)
    }
    return `${words.filter((word) => word !== '').join(' ')} (${toHex(this.bytes, 32)})`
  }
}

type ValueOf<Name extends PropertyName | number> = Name extends
  | 'contentType'
  | 'responseTopic'
  | 'assignedClientIdentifier'
  | 'authenticationMethod'
  | 'responseInformation'
  | 'serverReference'
  | 'reasonString'
  ? string
  : Name extends 'correlationData' | 'authenticationData'
    ? Uint8Array
    : Name extends 'userProperty'
      ? readonly [name: string, value: string]
      : Name extends PropertyName
        ? number
        : PropertyValue

/** Reason Codes as the standard prints them: two hexadecimal digits. */
export function codes(list: readonly number[]): string {
  return list.map((code) => code.toString(16).padStart(2, '0').toUpperCase()).join(' ')
}
