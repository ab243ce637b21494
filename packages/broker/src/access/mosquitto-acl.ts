import { stringify } from 'yaml'
import { ConfigError } from '../config-error.ts'
import type { AccessAction } from './access.ts'
import type { RuleConfig } from './rules.ts'
import { parseTopicPattern } from './topic-pattern.ts'

interface Line {
  readonly place: string
  readonly effect: 'allow' | 'deny'
  readonly actions: readonly AccessAction[]
  readonly topic: string
}

/** What a Mosquitto ACL file has for one user, for clients without one, and for everybody. */
interface Sections {
  readonly anonymous: Line[]
  readonly users: Map<string, Line[]>
  readonly patterns: Line[]
}

const accesses: Readonly<Record<string, readonly AccessAction[]>> = {
  read: ['subscribe'],
  write: ['publish'],
  readwrite: ['publish', 'subscribe'],
  deny: ['publish', 'subscribe'],
}

/**
 * Makes a file of access rules, as `access.file` reads it, of a Mosquitto ACL file; `name` stands for
 * that in errors. Throws `ConfigError` with every line that cannot be understood.
 */
export function importMosquittoAcl(text: string, name: string): string {
  const sections = readSections(text, name)
  const rules = [
    ...rulesOf(sections.anonymous, { anonymous: true }),
    ...[...sections.users].flatMap(([user, lines]) => rulesOf(lines, { users: [user] })),
    ...rulesOf(sections.patterns, {}),
  ]
  return `${heading}${stringify({ rules }, { flowCollectionPadding: false })}`
}

const heading = `# Access rules of a Mosquitto ACL file. Mosquitto lets everybody subscribe to everything and leaves
# out what may not be read; here a subscription has to lie within what a rule allows.
`

function readSections(text: string, name: string): Sections {
  const sections: Sections = { anonymous: [], users: new Map(), patterns: [] }
  let current = sections.anonymous
  const problems: ConstructorParameters<typeof ConfigError>[0][number][] = []
  for (const [at, raw] of text.split('\n').entries()) {
    const line = raw.replace(/\r$/, '').trimStart()
    if (line === '' || line.startsWith('#')) continue
    const place = `${name}:${at + 1}`
    const [, keyword = line, rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
    try {
      if (keyword === 'user') {
        const user = required(rest.trim(), 'user needs a name')
        current = sections.users.get(user) ?? []
        sections.users.set(user, current)
      } else if (keyword === 'topic') current.push(readLine(place, rest, false))
      else if (keyword === 'pattern') sections.patterns.push(readLine(place, rest, true))
      else throw new Error('a line begins with user, topic, pattern or #')
    } catch (error) {
      problems.push({ place, path: '', text: (error as Error).message })
    }
  }
  if (problems.length > 0) throw new ConfigError(problems)
  return sections
}

function readLine(place: string, rest: string, isPattern: boolean): Line {
  const [, access = 'readwrite', topic = ''] = /^(?:(read|write|readwrite|deny)\s+)?(.*)$/.exec(
    rest.trim(),
  ) as RegExpExecArray
  required(topic, 'a Topic Filter is missing')
  // Only %c and %u in patterns mean something there.
  const written = isPattern ? topic.replaceAll(/%(?![cu])/g, '%%') : topic.replaceAll('%', '%%')
  parseTopicPattern(written)
  const actions = accesses[access] as readonly AccessAction[]
  return { place, effect: access === 'deny' ? 'deny' : 'allow', actions, topic: written }
}

function required(text: string, message: string): string {
  if (text === '') throw new Error(message)
  return text
}

/** Denials come first, as Mosquitto asks them first; lines about the same actions are one rule. */
function rulesOf(lines: readonly Line[], who: Partial<RuleConfig>): RuleConfig[] {
  const rules = new Map<
    string,
    { key: 'allow' | 'deny'; actions: Line['actions']; topics: string[] }
  >()
  const sorted = lines.toSorted((a, b) => Number(b.effect === 'deny') - Number(a.effect === 'deny'))
  for (const { effect, actions, topic } of sorted) {
    const key = `${effect} ${actions.join(' ')}`
    const rule = rules.get(key) ?? { key: effect, actions, topics: [] }
    rule.topics.push(topic)
    rules.set(key, rule)
  }
  return [...rules.values()].map(({ key, actions, topics }) => ({
    [key]: [...actions],
    ...who,
    topics,
  }))
}
