import { toHex, type Version } from './data-types.ts'
import { propertyByIdentifier } from './properties.ts'
import { codes, type Received, type ReceivedType } from './received.ts'

/** A statement that the Server broke in passing, in whatever case it was seen. */
export interface Violation {
  readonly statement: string
  readonly message: string
}

/** The Reason Codes a Server may send in each packet of 5.0, with the statement that says so. */
const allowedCodes: Partial<Record<ReceivedType, readonly [statement: string, string]>> = {
  connack: ['MQTT5-3.2.2-8', '00 80 81 82 83 84 85 86 87 88 89 8A 8C 90 95 97 99 9A 9B 9C 9D 9F'],
  puback: ['MQTT5-3.4.2-1', '00 10 80 83 87 90 91 97 99'],
  pubrec: ['MQTT5-3.5.2-1', '00 10 80 83 87 90 91 97 99'],
  pubrel: ['MQTT5-3.6.2-1', '00 92'],
  pubcomp: ['MQTT5-3.7.2-1', '00 92'],
  suback: ['MQTT5-3.9.3-2', '00 01 02 80 83 87 8F 91 97 9E A1 A2'],
  unsuback: ['MQTT5-3.11.3-2', '00 11 80 83 87 8F 91'],
  // 8C stands in table 2-6 but not in table 3-10 of the standard.
  disconnect: [
    'MQTT5-3.14.2-1',
    '00 80 81 82 83 87 89 8B 8C 8D 8E 8F 90 93 94 95 96 97 98 99 9A 9B 9C 9D 9E 9F A0 A1 A2',
  ],
  auth: ['MQTT5-3.15.2-1', '00 18'],
}

const allowedReturnCodes: Partial<Record<ReceivedType, readonly [statement: string, string]>> = {
  connack: ['MQTT3-3.2.2-6', '00 01 02 03 04 05'],
  suback: ['MQTT3-3.9.3-2', '00 01 02 80'],
}

/** Looks at one packet for what no Server may send, whatever it answers. */
export function checkReceived(
  received: Received,
  headerLength: number,
  report: (violation: Violation) => void,
): void {
  const { version } = received
  if (version === 3) return
  const broken = (five: string | undefined, three: string | undefined, what: string): void => {
    const statement = version === 5 ? five : three
    if (statement !== undefined) report({ statement, message: `${what}: ${received}` })
  }
  const flagsExpected = received.type === 'pubrel' ? 0b0010 : 0
  if (received.type !== 'publish' && received.flags !== flagsExpected) {
    broken('MQTT5-2.1.3-1', 'MQTT3-2.2.2-1', 'reserved flag bits are wrong')
  }
  if (headerLength - 1 > shortestLength(received.body.length)) {
    broken('MQTT5-1.5.5-1', undefined, 'Remaining Length is not in its shortest form')
  }
  checkCodes(received, version, broken)
  if (received.type === 'connack') checkConnack(received, broken)
  if (received.type === 'publish') checkPublish(received, broken)
  if (version === 5) checkProperties(received, broken)
}

type Broken = (five: string | undefined, three: string | undefined, what: string) => void

function checkCodes(received: Received, version: Version, broken: Broken): void {
  if (isForeignRefusal(received)) return
  const row = (version === 5 ? allowedCodes : allowedReturnCodes)[received.type]
  if (row === undefined || refusesLevel(received)) return
  const [statement, allowed] = row
  const sent = received.reasonCodes.length > 0 ? received.reasonCodes : [received.reasonCode]
  const wrong = sent.filter((code) => !allowed.split(' ').includes(codes([code])))
  if (wrong.length > 0) broken(statement, statement, `code ${codes(wrong)} is not for this packet`)
}

/** The refusal of an unknown Protocol Level in the other form, which no version forbids. */
function refusesLevel({ type, version, reasonCode, body }: Received): boolean {
  const isForm5 = body.length > 2
  return type === 'connack' && isForm5 !== (version === 5) && reasonCode === (isForm5 ? 0x84 : 0x01)
}

/** The refusal of an unknown Protocol Level may have the form of either version. */
function isForeignRefusal({ type, version, body, reasonCode }: Received): boolean {
  if (type !== 'connack') return false
  return version === 5
    ? body.length === 2 && reasonCode === 0x01
    : body.length > 2 && reasonCode === 0x84
}

function checkConnack(received: Received, broken: Broken): void {
  const acknowledgeFlags = received.body[0] ?? 0
  if (acknowledgeFlags > 1) broken('MQTT5-3.2.2-1', undefined, 'reserved CONNACK flags are set')
  if (received.sessionPresent && received.reasonCode !== 0) {
    broken('MQTT5-3.2.2-6', 'MQTT3-3.2.2-4', 'a refusal has Session Present 1')
  }
}

function checkPublish(received: Received, broken: Broken): void {
  if (received.qos === 3) broken('MQTT5-3.3.1-4', 'MQTT3-3.3.1-4', 'QoS 3')
  if (received.qos === 0 && received.dup) broken('MQTT5-3.3.1-2', 'MQTT3-3.3.1-2', 'DUP at QoS 0')
  if (received.qos > 0 && received.packetId === 0) {
    broken('MQTT5-2.2.1-4', 'MQTT3-2.3.1-4', 'Packet Identifier 0')
  }
  if (/[+#]/.test(received.topic)) broken('MQTT5-3.3.2-2', 'MQTT3-3.3.2-2', 'wildcard in a topic')
  if (received.topic.includes('\u0000')) broken('MQTT5-1.5.4-2', 'MQTT3-1.5.3-2', 'U+0000')
  if (Buffer.compare(Buffer.from(received.topic), received.topicBytes) !== 0) {
    const what = `topic ${toHex(received.topicBytes, 32)} is ill-formed UTF-8`
    broken('MQTT5-1.5.4-1', 'MQTT3-1.5.3-1', what)
  }
}

function checkProperties(received: Received, broken: Broken): void {
  const seen = new Set<number>()
  for (const [identifier, value] of received.propertyList) {
    const row = propertyByIdentifier(identifier)
    if (row === undefined) continue
    if (received.type === 'disconnect' && row.name === 'sessionExpiryInterval') {
      broken('MQTT5-3.14.2-2', undefined, 'the Server sent a Session Expiry Interval')
    } else if (!row.sentIn.includes(received.type)) {
      broken('U5-2.2.2-a', undefined, `${row.name} is not for this packet`)
    }
    const mayRepeat = row.name === 'userProperty' || row.name === 'subscriptionIdentifier'
    if (seen.has(identifier) && !mayRepeat) {
      broken('U5-2.2.2-a', undefined, `${row.name} is there twice`)
    }
    seen.add(identifier)
    if (row.name === 'topicAlias' && value === 0)
      broken('MQTT5-3.3.2-8', undefined, 'Topic Alias 0')
  }
}

function shortestLength(value: number): number {
  if (value < 128) return 1
  if (value < 16_384) return 2
  return value < 2_097_152 ? 3 : 4
}
