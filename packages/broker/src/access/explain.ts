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

/** Why a client may do something, or may not: rule by rule, up to the one that decides. */
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
