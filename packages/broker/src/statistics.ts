/**
 * What the broker counts about itself. Plain numbers, incremented where things happen and read by
 * whoever shows them. What was lost is not here but in the ledger, `Losses`.
 */
export class Statistics {
  // counters: since the start of the broker
  bytesReceived = 0
  bytesSent = 0
  /** MQTT Control Packets of every type. */
  messagesReceived = 0
  messagesSent = 0
  publishReceived = 0
  publishSent = 0
  /** Of the payloads only. */
  publishBytesReceived = 0
  publishBytesSent = 0
  socketsOpened = 0
  /** Connections that a limit refused, most of them before their CONNECT. */
  connectionsRefused = 0
  /** CONNECT packets that were answered with success. */
  connectionsAccepted = 0
  /** Clients that were not let in. */
  authenticationsRefused = 0
  /** Attempts that were not looked at, because there were too many wrong ones before. */
  authenticationsDelayed = 0
  /** Sessions that ended because their Session Expiry Interval did. */
  sessionsExpired = 0
  /** What access rules denied: to publish, to subscribe, to be sent. */
  publishDenied = 0
  subscribeDenied = 0
  receiveDenied = 0
  /** Subscriptions that a change of the rules ended. */
  subscriptionsRevoked = 0
  /** What the shadow policy would have denied, and the rules did not. */
  deniedByShadow = 0

  // gauges: now
  /** With and without a Network Connection. */
  sessions = 0
  /** Including the shared ones. */
  subscriptions = 0
  sharedSubscriptions = 0
  retainedMessages = 0
  retainedBytes = 0
  /** In the queues of all Sessions, as bytes are counted by `messageBytes`. */
  queuedMessages = 0
  queuedBytes = 0
  /** QoS 1 and 2 messages sent and not yet acknowledged. */
  inFlight = 0

  #clientsConnected = 0
  #clientsMaximum = 0

  get clientsConnected(): number {
    return this.#clientsConnected
  }

  set clientsConnected(count: number) {
    this.#clientsConnected = count
    if (count > this.#clientsMaximum) this.#clientsMaximum = count
  }

  /** The most clients that were connected at the same time. */
  get clientsMaximum(): number {
    return this.#clientsMaximum
  }

  /** Sessions that wait for their client. */
  get sessionsDisconnected(): number {
    return this.sessions - this.#clientsConnected
  }
}
