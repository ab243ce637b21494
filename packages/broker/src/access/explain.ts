import { parseSubscriptionFilter, parseTopicName } from '@busbar/protocol'
import type { AccessAction, Subject } from './access.ts'
import { isAbout, isDecisive, type Policy, type Rule, ruleFor, SubjectRules } from './rules.ts'

/** What one rule had to say. */
export interface ExplainedRule {
  readonly rule: string
  readonly effect: 'allow' | 'deny'
  /** `decides`, or why it does not. */
  readonly outcome: string
}

export interface Explanation {
  readonly isAllowed: boolean
  readonly rule: string
  /** Up to the one that decides. */
  readonly rules: readonly ExplainedRule[]
}

/** What is asked: `topic` is a Topic Filter, `$share/…` included, for `subscribe`. */
export interface AccessQuestion {
  readonly subject: Subject
  readonly action: AccessAction
  readonly topic: string
}

/**
 * Why a client may do something, or may not; without a policy everybody may do everything. Throws a
 * ProtocolError for what is no Topic Name, or no Topic Filter.
 */
export function explainAccess(
  policy: Policy | undefined,
  { subject, action, topic }: AccessQuestion,
): Explanation {
  const asked =
    action === 'subscribe' ? parseSubscriptionFilter(topic).topicFilter : parseTopicName(topic)
  if ((action === 'publish' || action === 'retain') && topic.startsWith('$')) {
    return { isAllowed: false, rule: 'the topics of the broker', rules: [] }
  }
  if (policy === undefined) return { isAllowed: true, rule: 'no rules', rules: [] }
  return explain(policy, subject, action, asked)
}

/** Rule by rule, up to the one that decides. */
export function explain(
  policy: Policy,
  subject: Subject,
  action: AccessAction,
  topic: string,
): Explanation {
  const verdict = new SubjectRules(policy, subject).decide(action, topic)
  const rules: ExplainedRule[] = []
  for (const rule of policy.rules) {
    const outcome = outcomeOf(rule, subject, action, topic)
    rules.push({ rule: rule.label, effect: rule.isAllowing ? 'allow' : 'deny', outcome })
    if (outcome === 'decides') break
  }
  return { ...verdict, rules }
}

function outcomeOf(rule: Rule, subject: Subject, action: AccessAction, topic: string): string {
  if (!rule.actions.has(action)) return `is not about ${action}`
  if (!isAbout(rule, subject)) return 'is about other clients'
  const mine = ruleFor(rule, subject)
  if (mine === undefined || mine.filters.length === 0) {
    return 'has a variable for which this client has no value of one level'
  }
  if (isDecisive(mine, action, topic)) return 'decides'
  const isPart =
    action === 'subscribe' &&
    isDecisive({ ...mine, rule: { ...rule, isAllowing: false } }, action, topic)
  return isPart ? 'allows only a part of this filter' : `is about ${mine.filters.join(', ')}`
}
