import assert from 'node:assert/strict'
import type { Packet, ProtocolVersion } from '@busbar/protocol'
import type { HostileInput } from '../hostile-input.ts'
import { fromHex, type RawClient } from '../raw-client.ts'

/** Sends an input on a new connection and returns what comes back, until it is closed or answered. */
export async function sendHostile(
  client: RawClient,
  input: HostileInput,
  clientIdentifier = 'raw',
): Promise<string[]> {
  const { after: version, bytes, answers } = input
  if (version !== undefined) {
    assert.equal((await client.connect({ clientIdentifier })).reasonCode, 0)
  }
  const staysOpen = answers.at(-1) === 'pingresp'
  client.sendBytes(fromHex(staysOpen ? `${bytes} c000` : bytes))
  const seen: string[] = []
  while (seen.at(-1) !== 'closed' && seen.at(-1) !== 'pingresp') {
    const answer = await client.packets.next(`an answer after ${seen.join(', ') || 'nothing'}`)
    seen.push(answer === 'closed' ? answer : describePacket(answer))
  }
  return seen
}

function describePacket(answer: Packet): string {
  const codes =
    'reasonCode' in answer ? [answer.reasonCode] : 'reasonCodes' in answer ? answer.reasonCodes : []
  return [answer.type, ...codes.map((code) => code.toString(16).padStart(2, '0'))].join(' ')
}

/** The version that an input speaks. */
export function versionOf({ after, bytes }: HostileInput): ProtocolVersion {
  if (after !== undefined) return after
  const digits = bytes.replaceAll(' ', '')
  // The name and the level.
  if (digits.includes('4d514973647003')) return 3
  return digits.includes('4d51545404') ? 4 : 5
}
