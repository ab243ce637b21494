import { parseSubscriptionFilter } from '@busbar/protocol'
import type { Policies } from './access/access-control.ts'
import type { Core } from './core.ts'
import { Deadline } from './deadlines.ts'
import type { Session } from './session.ts'

/** So many Sessions are looked at before others get their turn. */
const sessionsAtOnce = 1_000

/**
 * Other rules apply from now on, also to what was subscribed to and to what waits. Deliveries are
 * decided by the new rules at once; the Sessions are looked through one part after the other.
 */
export function changePolicies(core: Core, policies: Policies | undefined): void {
  core.access.replace(policies)
  core.log.info('access rules changed')
  const sessions = [...core.sessions]
  const next = new Deadline((now) => {
    for (const session of sessions.splice(0, sessionsAtOnce)) withdrawDenied(core, session)
    if (sessions.length > 0) core.deadlines.set(next, now)
  })
  for (const session of sessions.splice(0, sessionsAtOnce)) withdrawDenied(core, session)
  if (sessions.length > 0) core.deadlines.set(next, core.clock.now())
}

/** Takes from a Session what the rules do not allow it any more: subscriptions, and what waits. */
function withdrawDenied(core: Core, session: Session): void {
  if (session.hasEnded || core.access.isOpen) return
  withdrawSubscriptions(core, session)
  session.senderIfAny?.dropDenied()
}

/** Ends the subscriptions that the rules do not allow any more. */
export function withdrawSubscriptions(core: Core, session: Session): void {
  const { access, sessions, statistics } = core
  if (access.isOpen) return
  for (const subscription of session.subscriptions) {
    if (access.maySubscribe(session, parseSubscriptionFilter(subscription.text))) continue
    sessions.unsubscribe(subscription)
    statistics.subscriptionsRevoked++
  }
}
