/** Why no case tests a statement from outside. */
export interface CoverageRow {
  readonly statement: string
  /**
   * `client`: a duty of clients. `unit`: seen only from inside, `reason` is the path of the test.
   * `not testable`: no observation could tell. `not obeyed`: Busbar does otherwise.
   */
  readonly kind: 'client' | 'unit' | 'not testable' | 'not obeyed'
  readonly reason: string
}

const client = (statement: string): CoverageRow => ({
  statement,
  kind: 'client',
  reason: 'tested with the client library',
})

const notTestable = (statement: string, reason: string): CoverageRow => ({
  statement,
  kind: 'not testable',
  reason,
})

const later = 'TLS and access rules come with a later version'

const notObeyed = (statement: string, reason: string): CoverageRow => ({
  statement,
  kind: 'not obeyed',
  reason,
})

/** The statements that no case tests. */
export const coverage: readonly CoverageRow[] = [
  client('MQTT5-3.1.2-20'),
  client('MQTT5-3.1.2-21'),
  client('MQTT5-3.2.2-4'),
  client('MQTT5-3.2.2-5'),
  client('MQTT5-3.2.2-17'),
  client('MQTT5-3.2.2-21'),
  client('MQTT5-3.3.2-10'),
  client('MQTT5-3.3.4-8'),
  client('MQTT5-4.5.0-2'),
  client('MQTT5-4.6.0-2'),
  client('MQTT5-4.6.0-3'),
  client('MQTT5-4.6.0-4'),
  client('U5-3.1.2-a'),
  client('U5-3.2-a'),
  client('U5-3.8.4-b'),
  client('U5-4.11-a'),
  client('U5-4.13.1-b'),
  client('MQTT3-2.3.1-2'),
  client('MQTT3-2.3.1-3'),
  client('MQTT3-3.1.2-23'),
  client('MQTT3-3.1.3-7'),
  client('MQTT3-3.14.4-1'),
  client('MQTT3-4.5.0-2'),
  client('MQTT3-4.6.0-2'),
  client('MQTT3-4.6.0-3'),
  client('MQTT3-4.6.0-4'),
  client('MQTT3-7.0.0-1'),
  client('MQTT3-7.1.2-1'),
  notTestable('U5-3.1.2-b', 'a permission, and the Server would have to be killed'),
  notObeyed('U5-5.1-a', later),
  notObeyed('U5-5.4-a', later),
  notObeyed('U5-5.4-b', later),
  notObeyed('U5-5.4-c', 'what limits a client that misbehaves comes with a later version'),
  notTestable('MQTT3-4.8.0-2', 'a transient error inside the Server cannot be caused from outside'),
]
