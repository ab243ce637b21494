import { type TopicFilter, topicMatches } from '@busbar/protocol'
import { type AccessAction, accessActions, type Subject } from './access.ts'
import { filterCovers, filtersOverlap } from './filter-relations.ts'
import { parseTopicPattern, resolvePattern, type TopicPattern } from './topic-pattern.ts'

/** A rule as it is configured; `allow` or `deny` is there, not both. */
export interface RuleConfig {
  readonly name?: string | undefined
  readonly allow?: readonly AccessAction[] | undefined
  readonly deny?: readonly AccessAction[] | undefined
  readonly users?: readonly string[] | undefined
  readonly groups?: readonly string[] | undefined
  readonly clients?: readonly string[] | undefined
  readonly anonymous?: boolean | undefined
  readonly topics: readonly string[]
}

/** A rule that is ready to be asked. */
export interface Rule {
  /** For people: where it is, and its name. */
  readonly label: string
  readonly isAllowing: boolean
  readonly actions: ReadonlySet<AccessAction>
  readonly users: ReadonlySet<string> | undefined
  readonly groups: ReadonlySet<string> | undefined
  readonly clients: ReadonlySet<string> | undefined
  readonly isAnonymous: boolean | undefined
  readonly patterns: readonly TopicPattern[]
}

/** Rules in their order, of which the first that fits decides, and what counts when none does. */
export interface Policy {
  readonly rules: readonly Rule[]
  readonly isAllowingOtherwise: boolean
}

/** What was decided, and by which rule. */
export interface Verdict {
  readonly isAllowed: boolean
  readonly rule: string
}

/** Makes rules of a checked configuration; `place` is what stands before `[0]` in their labels. */
export function compileRules(configs: readonly RuleConfig[], place: string): Rule[] {
  return configs.map((config, at) => ({
    label: labelOf(`${place}[${at}]`, config.name),
    isAllowing: config.allow !== undefined,
    actions: withImplied(config.allow ?? config.deny ?? []),
    users: setOf(config.users),
    groups: setOf(config.groups),
    clients: setOf(config.clients),
    isAnonymous: config.anonymous,
    patterns: config.topics.map(parseTopicPattern),
  }))
}

function labelOf(place: string, name: string | undefined): string {
  return name === undefined ? place : `${place} "${name}"`
}

/** Who publishes may retain, and who subscribes receives, unless another rule says otherwise. */
function withImplied(actions: readonly AccessAction[]): ReadonlySet<AccessAction> {
  const all = new Set(actions)
  if (all.has('publish')) all.add('retain')
  if (all.has('subscribe')) all.add('receive')
  return all
}

function setOf(names: readonly string[] | undefined): ReadonlySet<string> | undefined {
  return names === undefined ? undefined : new Set(names)
}

/** Whether a rule is about a client. Names are compared as they are. */
export function isAbout(rule: Rule, subject: Subject): boolean {
  const { users, clients, isAnonymous } = rule
  const { user, clientIdentifier } = subject
  if (isAnonymous !== undefined && isAnonymous !== (user === undefined)) return false
  if (users !== undefined && (user === undefined || !users.has(user))) return false
  if (clients !== undefined && !clients.has(clientIdentifier)) return false
  return isAboutGroups(rule, subject.groups)
}

function isAboutGroups({ groups, isAllowing }: Rule, given: readonly string[] | undefined) {
  if (groups === undefined) return true
  // Not known yet: in the client's favour.
  return given === undefined ? isAllowing : given.some((group) => groups.has(group))
}

/** What a rule says of one client. */
export interface SubjectRule {
  readonly rule: Rule
  readonly verdict: Verdict
  readonly filters: readonly TopicFilter[]
}

export function ruleFor(rule: Rule, subject: Subject): SubjectRule | undefined {
  if (!isAbout(rule, subject)) return undefined
  const filters = rule.patterns
    .map((pattern) => resolvePattern(pattern, subject, rule.isAllowing))
    .filter((filter) => filter !== undefined)
  return { rule, filters, verdict: { isAllowed: rule.isAllowing, rule: rule.label } }
}

/**
 * Whether the rule decides about a topic. Of a subscription an allowing rule has to cover everything
 * that it asks for, while a denying one need only have a part in it.
 */
export function isDecisive(
  { rule, filters }: SubjectRule,
  action: AccessAction,
  topic: string,
): boolean {
  if (!rule.actions.has(action)) return false
  if (action !== 'subscribe') return filters.some((filter) => topicMatches(filter, topic))
  const asked = topic as TopicFilter
  return rule.isAllowing
    ? filters.some((filter) => filterCovers(filter, asked))
    : filters.some((filter) => filtersOverlap(filter, asked))
}

const allowedOtherwise: Verdict = { isAllowed: true, rule: 'access.default' }
const deniedOtherwise: Verdict = { isAllowed: false, rule: 'access.default' }

/** What a policy says of one client: the rules about others are left out. */
export class SubjectRules {
  readonly #byAction: Readonly<Record<AccessAction, readonly SubjectRule[]>>
  readonly #otherwise: Verdict

  constructor({ rules, isAllowingOtherwise }: Policy, subject: Subject) {
    const mine = rules.map((rule) => ruleFor(rule, subject)).filter((rule) => rule !== undefined)
    const byAction = accessActions.map((action) => [
      action,
      mine.filter(({ rule, filters }) => rule.actions.has(action) && filters.length > 0),
    ])
    this.#byAction = Object.fromEntries(byAction)
    this.#otherwise = isAllowingOtherwise ? allowedOtherwise : deniedOtherwise
  }

  /** `topic` is a Topic Name, or a Topic Filter for `subscribe`. */
  decide(action: AccessAction, topic: string): Verdict {
    for (const mine of this.#byAction[action]) {
      if (isDecisive(mine, action, topic)) return mine.verdict
    }
    return this.#otherwise
  }
}
