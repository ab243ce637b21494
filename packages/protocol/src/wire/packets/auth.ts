import { protocolError } from '../../errors.ts'
import { ReasonCode } from '../../reason-codes.ts'
import type { UserProperty } from '../../version.ts'
import * as places from '../places.ts'
import {
  noProperties,
  propertySet,
  readProperties,
  type Sender,
  writeProperties,
} from '../properties.ts'
import type { PacketReader } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'

/** Section 3.15.2.2. */
export interface AuthProperties {
  authenticationMethod?: string
  authenticationData?: Uint8Array
  reasonString?: string
  userProperties?: readonly UserProperty[]
}

export interface Auth {
  type: 'auth'
  reasonCode: number
  properties: AuthProperties
}

export const authFirstByte = 0xf0

const authProperties = propertySet<AuthProperties>(places.auth)

/** Section 3.15.2.1, by sender. */
const codes: Readonly<Record<Sender, readonly number[]>> = {
  client: [ReasonCode.ContinueAuthentication, ReasonCode.ReAuthenticate],
  server: [ReasonCode.Success, ReasonCode.ContinueAuthentication],
}

export function readAuth(body: PacketReader, from: Sender): Auth {
  const isShort = body.isAtEnd
  const reasonCode = isShort ? ReasonCode.Success : body.byte()
  const properties: AuthProperties = isShort
    ? noProperties
    : readProperties(body, authProperties, from)
  if (!codes[from].includes(reasonCode)) {
    throw protocolError(`AUTH from a ${from} has the Reason Code ${reasonCode}`, 'MQTT5-3.15.2-1')
  }
  if (properties.authenticationMethod === undefined) {
    throw protocolError('AUTH has no Authentication Method', 'U5-3.15.2-a')
  }
  return { type: 'auth', reasonCode, properties }
}

/** The whole frame. */
export function writeAuth(writer: PacketWriter, packet: Auth): void {
  writer.byte(authFirstByte)
  const start = writer.openLength(0)
  writer.byte(packet.reasonCode)
  writeProperties(writer, authProperties, packet.properties)
  writer.closeLength(start, 0, 0)
}
