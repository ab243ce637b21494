import type { SubscriptionFilter } from '@busbar/protocol'
import type { Access, AccessAction, Subject } from './access.ts'
import type { Denials } from './denials.ts'
import { Rights } from './rights.ts'
import type { Policy } from './rules.ts'

/** The policy that counts, and one that is only tried out. */
export interface Policies {
  readonly policy: Policy
  readonly shadow: Policy | undefined
}

/** Asked before anything else; undefined leaves the decision to the rules. */
export type Authorize = (
  subject: Subject,
  action: AccessAction,
  topic: string,
) => { readonly isAllowed: boolean; readonly rule: string } | undefined

export interface AccessControlOptions {
  readonly denials: Denials
  /** A program's own rules; with them there are no policies. */
  readonly access?: Access | undefined
  /** Everybody may do everything when left out. */
  readonly policies?: Policies | undefined
  readonly authorize?: Authorize | undefined
}

const dollar = 0x24

/** Decides who may do what, and keeps account of every no. */
export class AccessControl implements Access {
  readonly denials: Denials
  readonly #access: Access | undefined
  readonly #authorize: Authorize | undefined
  #policies: Policies | undefined
  #generation = 0

  constructor({ denials, access, policies, authorize }: AccessControlOptions) {
    this.denials = denials
    this.#access = access
    this.#authorize = authorize
    this.#policies = policies
  }

  get policies(): Policies | undefined {
    return this.#policies
  }

  /** A program answers, and no policy. */
  get isOfProgram(): boolean {
    return this.#access !== undefined
  }

  /** There is nothing to ask. */
  get isOpen(): boolean {
    return (
      this.#policies === undefined && this.#access === undefined && this.#authorize === undefined
    )
  }

  /** What was decided by the policies until now is forgotten. */
  replace(policies: Policies | undefined): void {
    this.#policies = policies
    this.#generation++
  }

  mayPublish(subject: Subject, topicName: string, isRetained = false): boolean {
    const action = isRetained ? 'retain' : 'publish'
    // No client publishes to the broker's own topics, whatever the rules are (U5-4.7.2-a).
    if (topicName.charCodeAt(0) === dollar && subject.isInternal !== true) {
      return this.#deny(subject, action, topicName, 'the topics of the broker')
    }
    return this.isOpen || this.#may(subject, action, topicName)
  }

  maySubscribe(subject: Subject, filter: SubscriptionFilter): boolean {
    if (this.isOpen || subject.isInternal === true) return true
    const { topicFilter, text } = filter
    const answer = this.#authorize?.(subject, 'subscribe', topicFilter)
    if (answer !== undefined) {
      return answer.isAllowed || this.#deny(subject, 'subscribe', text, answer.rule)
    }
    if (this.#access !== undefined) {
      return (
        this.#access.maySubscribe(subject, filter) ||
        this.#denyByProgram(subject, 'subscribe', text)
      )
    }
    if (this.#policies === undefined) return true
    const { isAllowed, rule, shadowRule } = this.#rightsOf(subject, this.#policies).onFilter(
      topicFilter,
    )
    if (shadowRule !== undefined) this.#shadow(subject, 'subscribe', text, shadowRule)
    return isAllowed || this.#deny(subject, 'subscribe', text, rule)
  }

  mayReceive(subject: Subject, topicName: string): boolean {
    return this.isOpen || this.#may(subject, 'receive', topicName)
  }

  /** The same, without keeping account of a no: there may be another receiver. */
  couldReceive(subject: Subject, topicName: string): boolean {
    if (this.isOpen || subject.isInternal === true) return true
    const answer = this.#authorize?.(subject, 'receive', topicName)
    if (answer !== undefined) return answer.isAllowed
    if (this.#access !== undefined) return this.#access.mayReceive(subject, topicName)
    if (this.#policies === undefined) return true
    return this.#rightsOf(subject, this.#policies).onTopic('receive', topicName).isAllowed
  }

  /** Allowed, with nothing to keep account of. If not, the real question has to be asked. */
  allowsPlainly(subject: Subject, action: 'publish' | 'receive', topicName: string): boolean {
    if (action === 'publish' && topicName.charCodeAt(0) === dollar) return false
    if (this.isOpen) return true
    if (this.#policies === undefined || this.#authorize !== undefined) return false
    const decision = this.#rightsOf(subject, this.#policies).onTopic(action, topicName)
    return decision.isAllowed && decision.shadowRule === undefined
  }

  #may(subject: Subject, action: Exclude<AccessAction, 'subscribe'>, topicName: string): boolean {
    if (subject.isInternal === true) return true
    const answer = this.#authorize?.(subject, action, topicName)
    if (answer !== undefined) {
      return answer.isAllowed || this.#deny(subject, action, topicName, answer.rule)
    }
    if (this.#access !== undefined) return this.#ask(this.#access, subject, action, topicName)
    if (this.#policies === undefined) return true
    const decision = this.#rightsOf(subject, this.#policies).onTopic(action, topicName)
    const { isAllowed, rule, shadowRule } = decision
    if (shadowRule !== undefined) this.#shadow(subject, action, topicName, shadowRule)
    return isAllowed || this.#deny(subject, action, topicName, rule)
  }

  #ask(access: Access, subject: Subject, action: AccessAction, topicName: string): boolean {
    const isAllowed =
      action === 'receive'
        ? access.mayReceive(subject, topicName)
        : access.mayPublish(subject, topicName, action === 'retain')
    return isAllowed || this.#denyByProgram(subject, action, topicName)
  }

  #rightsOf(subject: Subject, policies: Policies): Rights {
    const { rights } = subject
    if (rights?.isOf(this.#generation, subject) === true) return rights
    subject.rights = new Rights(this.#generation, policies, subject)
    return subject.rights
  }

  #denyByProgram(subject: Subject, action: AccessAction, topic: string): false {
    return this.#deny(subject, action, topic, 'access of the program')
  }

  #deny(subject: Subject, action: AccessAction, topic: string, rule: string): false {
    this.denials.record({ subject, action, topic, rule, isShadow: false })
    return false
  }

  #shadow(subject: Subject, action: AccessAction, topic: string, rule: string): void {
    this.denials.record({ subject, action, topic, rule, isShadow: true })
  }
}
