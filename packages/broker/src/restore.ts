import { PacketIdentifiers, parseSubscriptionFilter } from '@busbar/protocol'
import type { Core } from './core.ts'
import { messageBytes } from './message.ts'
import type { Session } from './session.ts'
import type {
  QueueEntry,
  Recovered,
  RecoveredSession,
  StoredDeadline,
  StoredSubscription,
} from './store/store.ts'
import { sendRetained } from './subscribe.ts'
import { Subscription } from './subscription.ts'

/** Puts everything that the store kept back in its place. */
export function restore(core: Core, recovered: Recovered): void {
  for (const message of recovered.retained) core.retained.restore(message)
  const sessions = recovered.sessions.map((each) => restoreSession(core, each))
  // Only now, because a Will that is due is published to them.
  core.continueBehind(recovered.lastPosition)
  for (const [at, { subscriptions }] of recovered.sessions.entries()) {
    restoreBacklog(core, sessions[at] as Session, subscriptions)
  }
  for (const [at, each] of recovered.sessions.entries()) {
    restoreDeadlines(core, sessions[at] as Session, each)
  }
}

/** Whoever had not been sent all that is retained is sent it anew. */
function restoreBacklog(
  core: Core,
  session: Session,
  subscriptions: readonly StoredSubscription[],
): void {
  for (const { text, awaitsRetained } of subscriptions) {
    if (awaitsRetained !== true) continue
    const subscription = core.sessions.find(session, text)
    if (subscription === undefined) continue
    sendRetained(core, { subscription, isStored: true }, core.clock.now())
  }
}

function restoreSession(core: Core, recovered: RecoveredSession): Session {
  const { clientIdentifier, owner, protocolVersion, sessionExpiryInterval } = recovered.session
  const session = core.sessions.begin({ clientIdentifier, owner })
  session.protocolVersion = protocolVersion
  session.sessionExpiryInterval = sessionExpiryInterval
  session.isStored = true
  for (const { text, options, subscriptionIdentifier } of recovered.subscriptions) {
    const filter = parseSubscriptionFilter(text)
    core.sessions.subscribe(new Subscription(session, filter, { options, subscriptionIdentifier }))
  }
  restoreEntries(core, session, recovered)
  for (const packetIdentifier of recovered.received) session.inbound.restore(packetIdentifier)
  return session
}

/** What waits in front of something that was sent keeps its place, with a Packet Identifier of now. */
function restoreEntries(core: Core, session: Session, recovered: RecoveredSession): void {
  const { inFlight, queuedCount, queuedBytes } = recovered
  const identifiers = new PacketIdentifiers()
  for (const { packetIdentifier } of inFlight) {
    if (packetIdentifier > 0) identifiers.reserve(packetIdentifier)
  }
  const left: QueueEntry[] = []
  let lastInHand = 0
  for (const entry of inFlight) {
    if (entry.state === 'queued') {
      entry.packetIdentifier = identifiers.take()
      if (entry.packetIdentifier > 0) lastInHand = entry.position
    }
    const { packetIdentifier } = entry
    if (packetIdentifier === 0)
      left.push(entry) // all are in use: behind the others after all
    else {
      const state = entry.state === 'released' ? 'released' : 'published'
      const sent = { packetIdentifier, qos: entry.qos as 1 | 2, message: entry, state } as const
      session.sender.outbound.restore(sent)
      core.statistics.inFlight++
    }
  }
  const bytes = left.reduce((sum, { message }) => sum + messageBytes(message), queuedBytes)
  const count = queuedCount + left.length
  if (count > 0 || lastInHand > 0)
    session.sender.queue.restore({ count, bytes, behind: lastInHand })
}

/** A Session that was connected when the broker died counts as disconnected now (U5-3.1.2-b). */
function restoreDeadlines(
  core: Core,
  session: Session,
  { session: stored }: RecoveredSession,
): void {
  const { ends, will } = stored
  const now = core.clock.now()
  const endsInMs = ends ? remainingMs(core, ends) : session.sessionExpiryInterval * 1_000
  const endsAt = now + endsInMs
  session.endsAt = endsAt
  core.deadlines.set(session, endsAt)
  if (will === undefined) return
  core.wills.keep(session, will)
  core.wills.connectionEnded(session, will.due && remainingMs(core, will.due))
}

/** A wall clock that was set back gives nobody more time than there was. */
function remainingMs(core: Core, deadline: StoredDeadline): number {
  const left = deadline.atMs - core.clock.wallNow()
  return Math.max(0, Math.min(left, deadline.remainingMs))
}
