import { malformed, type ProtocolError, protocolError } from '../errors.ts'
import type { ProtocolVersion } from '../version.ts'
import type { Sender } from './properties.ts'

/** Table 2-2: the flags of each type; CONNECT's depend on the version that it names. */
const fixedFlags: readonly (number | undefined)[] = [
  ...[undefined, undefined, 0, undefined, 0, 0, 0b0010, 0],
  ...[0b0010, 0, 0b0010, 0, 0, 0, 0, 0],
]

/** The types whose section has a statement about them: its number is that of the type. */
const ownStatement = [6, 8, 10, 14, 15]

export function checkFlags(type: number, flags: number, version: ProtocolVersion): void {
  const due = fixedFlags[type]
  if (due === undefined || flags === due) return
  // 3.1 sends PUBREL, SUBSCRIBE and UNSUBSCRIBE at QoS 1, may repeat them with DUP, and does not
  // use the other flags.
  if (version === 3 && (flags & due) === due && (due === 0 || (flags & 0b0100) === 0)) return
  const place = ownStatement.includes(type) ? `3.${type}.1-1` : '2.1.3-1' // and [MQTT3-2.2.2-2]
  throw malformed(`flags of packet type ${type} are ${flags}, not ${due}`, `MQTT5-${place}`)
}

/** Table 2-1: this type does not come from there. */
export function wrongType(type: number, version: ProtocolVersion, from: Sender): ProtocolError {
  const isForbidden = type === 0 || (type === 15 && version !== 5)
  const fault = isForbidden ? malformed : protocolError
  return fault(`packet type ${type} does not come from a ${from}`, 'U5-2.1.2-a')
}
