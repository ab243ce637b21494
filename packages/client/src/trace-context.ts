import type { PublishProperties, UserProperty } from '@busbar/protocol'

/** Where a message belongs in a distributed trace, as the headers of W3C Trace Context have it. */
export interface TraceContext {
  /** Version, trace, span and flags: `00-…-…-01`. */
  readonly traceparent: string
  /** What vendors add to it. */
  readonly tracestate?: string
}

/** Both go with a message as User Properties of these names (W3C Trace Context for MQTT). */
const parent = 'traceparent'
const state = 'tracestate'

type Properties = Pick<PublishProperties, 'userProperties'>

/** What the caller has given itself stays. */
export function withTraceContext(
  properties: PublishProperties | undefined,
  { traceparent, tracestate }: Partial<TraceContext>,
): PublishProperties | undefined {
  const given = properties?.userProperties ?? []
  if (traceparent === undefined || given.some(([name]) => name === parent)) return properties
  const vendors: UserProperty[] = tracestate === undefined ? [] : [[state, tracestate]]
  return { ...properties, userProperties: [...given, [parent, traceparent], ...vendors] }
}

const form = /^([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/

/** Version 00 ends with the flags, later ones may go on, and there is no ff. */
function isTraceparent(text: string): boolean {
  const [, version, rest] = form.exec(text) ?? []
  return version !== undefined && version !== 'ff' && !(version === '00' && rest !== undefined)
}

/**
 * The trace that a message belongs to (5.0), for the span that handles it; undefined where it has none,
 * or one that is not of the form.
 */
export function traceContextOf({
  properties,
}: {
  readonly properties: Properties
}): TraceContext | undefined {
  const values = (wanted: string) =>
    (properties.userProperties ?? []).flatMap(([name, value]) => (name === wanted ? [value] : []))
  const [traceparent, ...more] = values(parent)
  if (traceparent === undefined || more.length > 0 || !isTraceparent(traceparent)) return undefined
  const states = values(state)
  return states.length === 0 ? { traceparent } : { traceparent, tracestate: states.join(',') }
}
