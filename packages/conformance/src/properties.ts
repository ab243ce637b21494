/** The forms a property's value has, section 2.2.2.2 of MQTT 5.0. */
export type PropertyType = 'byte' | 'u16' | 'u32' | 'varint' | 'string' | 'binary' | 'pair'

/** Table 2-4 of MQTT 5.0, as far as a Server's packets and our builders need it. */
export const propertyTable = [
  [0x01, 'payloadFormatIndicator', 'byte', ['publish']],
  [0x02, 'messageExpiryInterval', 'u32', ['publish']],
  [0x03, 'contentType', 'string', ['publish']],
  [0x08, 'responseTopic', 'string', ['publish']],
  [0x09, 'correlationData', 'binary', ['publish']],
  [0x0b, 'subscriptionIdentifier', 'varint', ['publish']],
  [0x11, 'sessionExpiryInterval', 'u32', ['connack']],
  [0x12, 'assignedClientIdentifier', 'string', ['connack']],
  [0x13, 'serverKeepAlive', 'u16', ['connack']],
  [0x15, 'authenticationMethod', 'string', ['connack', 'auth']],
  [0x16, 'authenticationData', 'binary', ['connack', 'auth']],
  [0x17, 'requestProblemInformation', 'byte', []],
  [0x18, 'willDelayInterval', 'u32', []],
  [0x19, 'requestResponseInformation', 'byte', []],
  [0x1a, 'responseInformation', 'string', ['connack']],
  [0x1c, 'serverReference', 'string', ['connack', 'disconnect']],
  [
    0x1f,
    'reasonString',
    'string',
    [
      'connack',
      'puback',
      'pubrec',
      'pubrel',
      'pubcomp',
      'suback',
      'unsuback',
      'disconnect',
      'auth',
    ],
  ],
  [0x21, 'receiveMaximum', 'u16', ['connack']],
  [0x22, 'topicAliasMaximum', 'u16', ['connack']],
  [0x23, 'topicAlias', 'u16', ['publish']],
  [0x24, 'maximumQoS', 'byte', ['connack']],
  [0x25, 'retainAvailable', 'byte', ['connack']],
  [
    0x26,
    'userProperty',
    'pair',
    [
      'connack',
      'publish',
      'puback',
      'pubrec',
      'pubrel',
      'pubcomp',
      'suback',
      'unsuback',
      'disconnect',
      'auth',
    ],
  ],
  [0x27, 'maximumPacketSize', 'u32', ['connack']],
  [0x28, 'wildcardSubscriptionAvailable', 'byte', ['connack']],
  [0x29, 'subscriptionIdentifierAvailable', 'byte', ['connack']],
  [0x2a, 'sharedSubscriptionAvailable', 'byte', ['connack']],
] as const satisfies readonly (readonly [number, string, PropertyType, readonly string[]])[]

/** The name of one of the 27 properties. */
export type PropertyName = (typeof propertyTable)[number][1]

/** One row of the table: identifier, name, form, and the packets of a Server that may carry it. */
export interface PropertyRow {
  readonly identifier: number
  readonly name: PropertyName
  readonly type: PropertyType
  readonly sentIn: readonly string[]
}

const rows: readonly PropertyRow[] = propertyTable.map(([identifier, name, type, sentIn]) => ({
  identifier,
  name,
  type,
  sentIn,
}))
const byIdentifier = new Map(rows.map((row) => [row.identifier, row]))
const byName = new Map(rows.map((row) => [row.name, row]))

/** Looks a property up by its identifier; undefined for an unknown one. */
export function propertyByIdentifier(identifier: number): PropertyRow | undefined {
  return byIdentifier.get(identifier)
}

/** The identifier of a property named by its name or its number. */
export function propertyIdentifier(which: PropertyName | number): number {
  if (typeof which === 'number') return which
  const row = byName.get(which)
  if (row === undefined) throw new Error(`no property is called ${which}`)
  return row.identifier
}
