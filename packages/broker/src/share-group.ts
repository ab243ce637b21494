import type { Message } from './message.ts'
import type { Session } from './session.ts'
import type { Subscription } from './subscription.ts'

/** Whether a member may be sent messages on a topic. */
export type MayReceive = (session: Session, topicName: string) => boolean

/** The members of one Shared Subscription; each message goes to one of them (U5-4.8.2-a). */
export class ShareGroup {
  readonly #members: Subscription[] = []
  #next = 0

  get size(): number {
    return this.#members.length
  }

  /** Subscribing again does not double the membership (U5-4.8.2-d): returns what it replaces. */
  add(subscription: Subscription): Subscription | undefined {
    const at = this.#indexOf(subscription.session)
    const replaced = this.#members[at]
    if (replaced === undefined) this.#members.push(subscription)
    else this.#members[at] = subscription
    return replaced
  }

  of(session: Session): Subscription | undefined {
    return this.#members[this.#indexOf(session)]
  }

  remove(session: Session): void {
    const at = this.#indexOf(session)
    if (at >= 0) this.#members.splice(at, 1)
  }

  /**
   * In turn among the members that can take a message now; else among those that are connected; else,
   * for a message that may be queued, among those whose Session waits. Undefined when nobody is left.
   */
  choose(message: Message, mayReceive: MayReceive): Subscription | undefined {
    const may = (member: Subscription) => mayReceive(member.session, message.topicName)
    const connected = (member: Subscription) => member.session.connection !== undefined
    const waiting = (member: Subscription) => message.qos > 0 && member.options.qos > 0
    return (
      this.#inTurn((member) => member.session.sender.isReady && may(member)) ??
      this.#inTurn((member) => connected(member) && may(member)) ??
      this.#inTurn((member) => waiting(member) && may(member)) ??
      this.#inTurn(may) ??
      this.#inTurn(() => true) // who is denied it is then counted
    )
  }

  #inTurn(suits: (member: Subscription) => boolean): Subscription | undefined {
    const count = this.#members.length
    for (let i = 0; i < count; i++) {
      const at = (this.#next + i) % count
      const member = this.#members[at] as Subscription
      if (!suits(member)) continue
      this.#next = (at + 1) % count
      return member
    }
    return undefined
  }

  #indexOf(session: Session): number {
    return this.#members.findIndex((member) => member.session === session)
  }
}
