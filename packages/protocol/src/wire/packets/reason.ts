import { type ProtocolError, protocolError } from '../../errors.ts'
import type { ProtocolVersion } from '../../version.ts'
import {
  hasProperties,
  noProperties,
  type PropertySet,
  readProperties,
  type Sender,
  writeProperties,
} from '../properties.ts'
import type { PacketReader } from '../reader.ts'
import type { PacketWriter } from '../writer.ts'

/** The end of an acknowledgement and of DISCONNECT: in 5.0 only, and cut off where it says nothing. */
export interface Reason<T> {
  reasonCode: number
  properties: T
}

/** What is cut off is Success and no properties (U5-3.4.2-a) (U5-3.14.2-c). */
export function readReason<T extends object>(
  body: PacketReader,
  version: ProtocolVersion,
  { set, from }: { readonly set: PropertySet<T>; readonly from: Sender },
): Reason<T> {
  const reasonCode = version === 5 && !body.isAtEnd ? body.byte() : 0
  const properties =
    version === 5 && !body.isAtEnd ? readProperties(body, set, from) : (noProperties as T)
  return { reasonCode, properties }
}

export function wrongReasonCode(
  type: string,
  reasonCode: number,
  statement: string,
): ProtocolError {
  return protocolError(`${type} cannot have the Reason Code ${reasonCode}`, statement)
}

/** In the shortest form that it allows. */
export function writeReason<T extends object>(
  writer: PacketWriter,
  version: ProtocolVersion,
  set: PropertySet<T>,
  { reasonCode, properties }: Reason<T>,
): void {
  const isLong = version === 5 && hasProperties(properties)
  if (isLong || (version === 5 && reasonCode !== 0)) writer.byte(reasonCode)
  if (isLong) writeProperties(writer, set, properties)
}
