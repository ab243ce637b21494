/** Why no case tests a statement against the client. */
export interface ClientCoverageRow {
  readonly statement: string
  readonly kind: 'not testable' | 'end to end'
  readonly reason: string
}

const row = (
  statement: string,
  kind: ClientCoverageRow['kind'],
  reason: string,
): ClientCoverageRow => ({ statement, kind, reason })

export const clientCoverage: readonly ClientCoverageRow[] = [
  row('U5-3.1.4-b', 'not testable', 'a permission: the client waits for CONNACK'),
  row(
    'U5-5.4-b',
    'not testable',
    'recommendations for whoever sets up TLS; the client uses the TLS of its platform',
  ),
  row('MQTT3-4.8.0-2', 'not testable', 'a transient error cannot be caused from outside'),
  row('MQTT3-7.0.0-2', 'end to end', 'packages/tests/e2e/pub-sub.test.ts'),
]
