/** Why no case tests a statement against the client. */
export interface ClientCoverageRow {
  readonly statement: string
  readonly kind: 'not testable' | 'not obeyed' | 'end to end'
  readonly reason: string
}

const row = (
  statement: string,
  kind: ClientCoverageRow['kind'],
  reason: string,
): ClientCoverageRow => ({ statement, kind, reason })

export const clientCoverage: readonly ClientCoverageRow[] = [
  row('U5-1.5.4-a', 'not obeyed', 'control characters in a topic are left to the program'),
  row('U5-3.1.4-b', 'not testable', 'a permission: the client waits for CONNACK'),
  row('U5-5.4-b', 'end to end', 'packages/client/src/transport/transports.test.ts'),
  row('MQTT3-4.8.0-2', 'not testable', 'a transient error cannot be caused from outside'),
  row('MQTT3-7.0.0-2', 'end to end', 'packages/tests/e2e/pub-sub.test.ts'),
]
