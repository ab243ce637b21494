import { printable } from '@busbar/broker/text'
import { ClientError, MqttSubscribeError } from '@busbar/client'
import type { Output } from '../output.ts'
import { MessageUsageError } from './message-options.ts'

/** The Return Codes of MQTT 3.1.1 that Reason Codes stand for. */
const returnCodes: ReadonlyMap<number, number> = new Map([
  [0x84, 1],
  [0x85, 2],
  [0x88, 3],
  [0x86, 4],
  [0x87, 5],
])

const systemErrors: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ENOTFOUND: 'Unable to connect (Lookup error.).',
  EAI_AGAIN: 'Unable to connect (Lookup error.).',
  ETIMEDOUT: 'Connection timed out',
  EHOSTUNREACH: 'No route to host',
}

/**
 * Says what went wrong, and gives the exit code: the server's Reason Code where it has refused (in
 * 3.1.1 its Return Code), otherwise 1.
 */
export function explainFailure(
  error: unknown,
  command: string,
  { complain }: Output,
  version: unknown,
): number {
  if (error instanceof MessageUsageError) {
    complain(`Error: ${error.message}\n\nUse 'busbar ${command} --help' to see usage.`)
    return 1
  }
  if (!(error instanceof ClientError)) throw error
  complain(`Error: ${printable(reasonOf(error))}`)
  const code = error instanceof MqttSubscribeError ? firstRefusal(error) : error.reasonCode
  if (code === undefined || code < 0x80) return 1
  return error.code === 'connect-refused' && version === 4 ? (returnCodes.get(code) ?? 1) : code
}

function firstRefusal({ results }: MqttSubscribeError): number | undefined {
  return results.find(({ reasonCode }) => reasonCode >= 0x80)?.reasonCode
}

/** What the system said, if it was the system. */
function reasonOf(error: ClientError): string {
  for (let each: unknown = error; each instanceof Error; each = each.cause) {
    const { code } = each as NodeJS.ErrnoException
    const known = code === undefined ? undefined : systemErrors[code]
    if (known !== undefined) return known
  }
  const { message, reasonString, cause } = error
  const detail = reasonString ?? (cause instanceof Error ? cause.message : undefined)
  return detail === undefined || message.includes(detail) ? message : `${message} (${detail})`
}
