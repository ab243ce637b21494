import { protocolError } from '../../errors.ts'
import type { ProtocolVersion } from '../../version.ts'
import { noProperties, readProperties } from '../properties.ts'
import { type PacketReader, readPacketIdentifier } from '../reader.ts'
import { type AckProperties, ackProperties } from './acks.ts'
import { wrongReasonCode } from './reason.ts'

/** SUBACK or UNSUBACK: a Reason Code for each Topic Filter. */
interface Codes<T extends 'suback' | 'unsuback'> {
  type: T
  packetIdentifier: number
  properties: AckProperties
  reasonCodes: readonly number[]
}

/** What the packet has to be: one or more of these Reason Codes. */
interface Due<T extends 'suback' | 'unsuback'> {
  readonly type: T
  readonly codes: ReadonlySet<number>
  readonly statement: string
  readonly ofNone: string
}

/** None is one too few: `ofNone` is what that breaks. */
export function readCodes<T extends 'suback' | 'unsuback'>(
  body: PacketReader,
  version: ProtocolVersion,
  { type, codes, statement, ofNone }: Due<T>,
): Codes<T> {
  const packetIdentifier = readPacketIdentifier(body)
  const properties = version === 5 ? readProperties(body, ackProperties, 'server') : noProperties
  const reasonCodes = [...body.rest()]
  for (const reasonCode of reasonCodes) {
    if (codes.has(reasonCode)) continue
    throw wrongReasonCode(type, reasonCode, statement)
  }
  if (reasonCodes.length === 0) throw protocolError(`${type} has no Reason Code`, ofNone)
  return { type, packetIdentifier, properties, reasonCodes }
}
