import type { Config } from '../config.ts'
import { rulesFile } from '../config-access.ts'
import {
  ConfigError,
  type ConfigSource,
  describeIssues,
  fileProblem,
  Problems,
} from '../config-error.ts'
import { readConfigFile } from '../config-file.ts'
import type { Policies } from './access-control.ts'
import { compileRules, type Policy, type Rule, type RuleConfig } from './rules.ts'

/**
 * The policies that a configuration asks for; undefined when everybody may do everything. Throws
 * `ConfigError` for a file that cannot be used: one without rules at all is a mistake, while
 * `rules: []` means that nothing is allowed.
 */
export async function loadPolicies(
  { access }: Pick<Config, 'access'>,
  hasAuthentication: boolean,
  source?: ConfigSource,
): Promise<Policies | undefined> {
  const { rules, file, shadow } = access
  const isGuarded = hasAuthentication || rules.length > 0 || file !== undefined
  const otherwise = access.default ?? (isGuarded ? 'deny' : 'allow')
  if (!isGuarded && otherwise === 'allow' && shadow === undefined) return undefined
  const problems = new Problems()
  const own = { rules, file, default: otherwise }
  const policy = await problems.gather(() => loadPolicy(own, ['access'], source))
  const tried =
    shadow && (await problems.gather(() => loadPolicy(shadow, ['access', 'shadow'], source)))
  problems.throwAny()
  return policy && { policy, shadow: tried }
}

interface PolicyConfig {
  readonly default?: 'allow' | 'deny' | undefined
  readonly rules: readonly RuleConfig[]
  readonly file?: string | undefined
}

/** `section`: where it is in the configuration. */
async function loadPolicy(
  config: PolicyConfig,
  section: readonly string[],
  source: ConfigSource | undefined,
): Promise<Policy> {
  const { file } = config
  const own = compileRules(config.rules, [...section, 'rules'].join('.'))
  const path = [...section, 'file']
  const more = file === undefined ? [] : await loadRulesFile(file, { path, source })
  return { rules: [...own, ...more], isAllowingOtherwise: config.default === 'allow' }
}

/** Reads a file of access rules. Throws `ConfigError`. */
async function loadRulesFile(
  file: string,
  named: { path: readonly string[]; source: ConfigSource | undefined },
): Promise<readonly Rule[]> {
  const { input, source } = await readConfigFile(file).catch((error: unknown) => {
    throw fileProblem(error, file, named)
  })
  const parsed = rulesFile.safeParse(input)
  if (!parsed.success) {
    throw new ConfigError(describeIssues(rulesFile, parsed.error.issues, input, source))
  }
  return compileRules(parsed.data.rules, `${file}: rules`)
}
