import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { ConfigError, describeIssues } from '../config-error.ts'
import { readConfigFile } from '../config-file.ts'
import { mqttText } from '../config-text.ts'
import { accessActions } from './access.ts'
import { type Explanation, explainAccess } from './explain.ts'
import type { Policy } from './rules.ts'

const test = z.strictObject({
  name: z.string().optional().meta({ allowed: 'text' }),
  user: mqttText.optional(),
  client: mqttText.default('test'),
  groups: z.array(z.string()).default([]).meta({ allowed: 'a list of names' }),
  variables: z.record(z.string(), z.string()).default({}).meta({ allowed: 'names with values' }),
  action: z.enum(accessActions),
  topic: z.string().min(1).meta({ allowed: 'a Topic Name, or a Topic Filter to subscribe to' }),
  expect: z.enum(['allow', 'deny']),
})

const testFile = z.strictObject({
  config: z.string().min(1).optional().meta({ allowed: 'the path of a configuration' }),
  tests: z.array(test).min(1).meta({ allowed: 'a list with one test or more' }),
})

/** A file of policy tests that has been checked. */
export interface PolicyTests {
  /** The configuration that it is about. */
  readonly config: string | undefined
  readonly tests: readonly z.output<typeof test>[]
}

/** What came of one test. */
export interface PolicyTestResult {
  readonly name: string
  readonly hasPassed: boolean
  readonly expected: 'allow' | 'deny'
  readonly explanation: Explanation
}

/** Reads policy tests from a YAML file. Throws `ConfigError`. */
export async function readPolicyTests(path: string): Promise<PolicyTests> {
  const { input, source } = await readConfigFile(path)
  const parsed = testFile.safeParse(input)
  if (!parsed.success) {
    throw new ConfigError(describeIssues(testFile, parsed.error.issues, input, source))
  }
  const { config, tests } = parsed.data
  return { config: config === undefined ? undefined : resolve(dirname(path), config), tests }
}

/** Asks a policy what the tests ask. Throws a ProtocolError for a topic that is none. */
export function runPolicyTests(
  policy: Policy | undefined,
  { tests }: PolicyTests,
): PolicyTestResult[] {
  return tests.map(({ name, user, client, groups, variables, action, topic, expect }) => {
    const known = { groups, variables: new Map(Object.entries(variables)) }
    const subject = { clientIdentifier: client, user, ...known }
    const explanation = explainAccess(policy, { subject, action, topic })
    const who = user === undefined ? `client ${client}` : user
    return {
      name: name ?? `${who} ${action} ${topic}`,
      hasPassed: explanation.isAllowed === (expect === 'allow'),
      expected: expect,
      explanation,
    }
  })
}
