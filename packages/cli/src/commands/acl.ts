import { readFile } from 'node:fs/promises'
import {
  accessActions,
  askBroker,
  ConfigError,
  type Explanation,
  explainAccess,
  hasAuthentication,
  importMosquittoAcl,
  loadPolicies,
  type Policies,
  parseConfig,
  printable,
  readPolicyTests,
  runPolicyTests,
} from '@busbar/broker'
import type { Arguments, Command } from '../command.ts'
import { columns, type Output, UsageError } from '../output.ts'
import { dataFlags, dataFolder } from './data-folder.ts'
import { readSettings } from './settings.ts'

type Action = (typeof accessActions)[number]

export const aclCommand: Command = {
  name: 'acl',
  usage: [
    'acl explain USER ACTION TOPIC [--client-id ID] [--config FILE | --data DIR]',
    'acl test FILE [--config FILE] [--shadow]',
    'acl import FILE',
    'acl denials [--data DIR] [--json]',
  ],
  flags: {
    ...dataFlags,
    config: { value: 'FILE', description: 'Ask this configuration, and no running broker.' },
    'client-id': { value: 'ID', description: 'The Client Identifier, for %c.' },
    group: { value: 'NAME', description: 'A group that the user is in; may be repeated.' },
    var: { value: 'NAME=VALUE', description: 'A variable of the user; may be repeated.' },
    shadow: { description: 'Ask the shadow policy.' },
    json: { description: 'Print JSON.' },
  },
  notes: [
    'ACTION is publish, retain (publish with RETAIN), subscribe or receive; USER is - for a client',
    'without one. Of a running broker, groups and variables are those of the session. `explain` ends',
    'with 0 when it is allowed and 3 when it is denied; `test` runs policy tests from a YAML file and',
    'ends with 1 when one fails; `import` prints the rules of a Mosquitto ACL file for access.file;',
    '`denials` lists what the running broker denied. docs/access.md has examples.',
  ],
  run,
}

async function run(given: Arguments, output: Output): Promise<number> {
  const [action, ...rest] = given.positionals
  switch (action) {
    case 'explain':
      return await explain(given, rest, output)
    case 'test':
      return await test(given, only('test', rest), output)
    case 'import':
      return await importFile(only('import', rest), output)
    case 'denials':
      return await denials(given, rest, output)
    default: {
      const instead = action === undefined ? '' : `, and no ${action}`
      throw new UsageError(`busbar acl has explain, test, import and denials${instead}`)
    }
  }
}

function only(action: string, [file, surplus]: readonly string[]): string {
  if (file === undefined) throw new UsageError(`busbar acl ${action} needs FILE`)
  if (surplus !== undefined) throw new UsageError(`busbar acl ${action} takes no ${surplus}`)
  return file
}

/** Exit code of `explain` when the answer is no. */
const denied = 3

async function explain(
  given: Arguments,
  [name, action, topic, surplus]: readonly string[],
  { say }: Output,
): Promise<number> {
  if (name === undefined || action === undefined || topic === undefined) {
    throw new UsageError('busbar acl explain needs USER ACTION TOPIC')
  }
  if (surplus !== undefined) throw new UsageError(`busbar acl explain takes no ${surplus}`)
  if (!isAction(action)) {
    throw new UsageError(`there is no action ${action}: there are ${accessActions.join(', ')}`)
  }
  const user = name === '-' ? undefined : name
  const question = { user, action, topic, isShadow: given.has('shadow') }
  const explanation =
    given.value('config') === undefined
      ? await explainRunning(given, question)
      : await explainConfig(given, question)
  if (given.has('json')) say(JSON.stringify(explanation, undefined, 2))
  else say(describe(explanation, `${user ?? 'a client without a user'} ${action} ${topic}`))
  return explanation.isAllowed ? 0 : denied
}

function isAction(text: string): text is Action {
  return accessActions.some((action) => action === text)
}

interface Question {
  readonly user: string | undefined
  readonly action: Action
  readonly topic: string
  readonly isShadow: boolean
}

async function explainRunning(given: Arguments, question: Question): Promise<Explanation> {
  const { user, action, topic, isShadow } = question
  const clientId = given.value('client-id')
  const variables = variablesOf(given)
  return await askBroker(await dataFolder(given), {
    request: 'explain',
    action,
    topic,
    shadow: isShadow,
    ...(user !== undefined && { user }),
    ...(clientId !== undefined && { clientId }),
    ...(given.has('group') && { groups: [...given.values('group')] }),
    ...(variables.size > 0 && { variables: Object.fromEntries(variables) }),
  })
}

async function explainConfig(given: Arguments, question: Question): Promise<Explanation> {
  const policies = await policiesOf(given.value('config') ?? '')
  const { user, isShadow, ...asked } = question
  const groups = given.values('group')
  const clientIdentifier = given.value('client-id') ?? ''
  const subject = { clientIdentifier, user, groups, variables: variablesOf(given) }
  return explainAccess(policyOf(policies, isShadow), { subject, ...asked })
}

function variablesOf(given: Arguments): ReadonlyMap<string, string> {
  return new Map(
    given.values('var').map((text): [string, string] => {
      const at = text.indexOf('=')
      if (at < 1) throw new UsageError('--var needs a name and a value: --var NAME=VALUE')
      return [text.slice(0, at), text.slice(at + 1)]
    }),
  )
}

async function policiesOf(path: string): Promise<Policies | undefined> {
  const { input, source } = await readSettings(path)
  const config = parseConfig(input, source)
  return await loadPolicies(config, hasAuthentication(config, false), source)
}

function policyOf(policies: Policies | undefined, isShadow: boolean) {
  if (!isShadow) return policies?.policy
  if (policies?.shadow === undefined) throw new UsageError('there is no shadow policy')
  return policies.shadow
}

function describe({ isAllowed, rule, rules }: Explanation, what: string): string {
  const verdict = `${isAllowed ? 'allowed' : 'denied'} by ${printable(rule)}: ${printable(what)}`
  const rows = rules.map((each): [string, string] => [
    printable(each.rule),
    `${each.effect}: ${printable(each.outcome)}`,
  ])
  return rows.length === 0 ? verdict : `${verdict}\n${columns(rows)}`
}

async function test(given: Arguments, file: string, { say }: Output): Promise<number> {
  const tests = await readPolicyTests(file)
  const config = given.value('config') ?? tests.config
  if (config === undefined) {
    throw new UsageError(`${file} does not name its configuration: give --config FILE`)
  }
  const policies = await policiesOf(config)
  const results = runPolicyTests(policyOf(policies, given.has('shadow')), tests)
  const failed = results.filter(({ hasPassed }) => !hasPassed)
  for (const { name, expected, explanation } of failed) {
    say(`failed: ${printable(name)}: expected ${expected}, but it is`)
    say(`  ${describe(explanation, name).replaceAll('\n', '\n  ')}`)
  }
  say(`${results.length - failed.length} of ${results.length} passed`)
  return failed.length === 0 ? 0 : 1
}

async function importFile(file: string, { say }: Output): Promise<number> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new ConfigError([{ place: file, path: '', text: `cannot be read: ${error.message}` }])
  })
  say(importMosquittoAcl(text, file).trimEnd())
  return 0
}

async function denials(
  given: Arguments,
  [surplus]: readonly string[],
  { say }: Output,
): Promise<number> {
  if (surplus !== undefined) throw new UsageError(`busbar acl denials takes no ${surplus}`)
  const entries = await askBroker(await dataFolder(given), { request: 'denials' })
  if (given.has('json')) {
    say(JSON.stringify(entries, undefined, 2))
    return 0
  }
  const rows = entries.map(({ clientId, user, action, topic, rule, isShadow, count }) => {
    const who = user === undefined ? clientId : `${user} (${clientId})`
    const by = isShadow ? `only by the shadow policy, ${rule}` : `by ${rule}`
    return [printable(`${who} ${action} ${topic}`), printable(`${count} times, ${by}`)] as const
  })
  say(rows.length === 0 ? 'nothing was denied' : columns(rows))
  return 0
}
