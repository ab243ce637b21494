import type { AccessAction, Subject } from './access.ts'
import { type Policy, SubjectRules, type Verdict } from './rules.ts'

/** A verdict, and the rule of the shadow policy that would have denied what was allowed. */
export interface Decision extends Verdict {
  readonly shadowRule: string | undefined
}

// A client that uses more topics, or longer ones, is decided about anew each time.
const cachedTopics = 256
const cachedCharacters = 256

/** What one client may do by the rules of one generation; what was asked before is remembered. */
export class Rights {
  readonly #generation: number
  readonly #groups: Subject['groups']
  readonly #variables: Subject['variables']
  readonly #rules: SubjectRules
  readonly #shadow: SubjectRules | undefined
  readonly #decided = { publish: new Map(), retain: new Map(), receive: new Map() } as Readonly<
    Record<Exclude<AccessAction, 'subscribe'>, Map<string, Decision>>
  >

  constructor(
    generation: number,
    { policy, shadow }: { policy: Policy; shadow: Policy | undefined },
    subject: Subject,
  ) {
    this.#generation = generation
    this.#groups = subject.groups
    this.#variables = subject.variables
    this.#rules = new SubjectRules(policy, subject)
    this.#shadow = shadow && new SubjectRules(shadow, subject)
  }

  /** Whether neither the rules nor what is known of the subject have changed. */
  isOf(generation: number, { groups, variables }: Subject): boolean {
    return (
      this.#generation === generation && this.#groups === groups && this.#variables === variables
    )
  }

  onTopic(action: Exclude<AccessAction, 'subscribe'>, topicName: string): Decision {
    const decided = this.#decided[action]
    const known = decided.get(topicName)
    if (known !== undefined) return known
    const decision = this.#decide(action, topicName)
    if (topicName.length <= cachedCharacters) {
      if (decided.size >= cachedTopics) decided.clear()
      decided.set(topicName, decision)
    }
    return decision
  }

  onFilter(topicFilter: string): Decision {
    return this.#decide('subscribe', topicFilter)
  }

  #decide(action: AccessAction, topic: string): Decision {
    const { isAllowed, rule } = this.#rules.decide(action, topic)
    const shadow = isAllowed ? this.#shadow?.decide(action, topic) : undefined
    return { isAllowed, rule, shadowRule: shadow?.isAllowed === false ? shadow.rule : undefined }
  }
}
