import type { Config } from '../config.ts'
import { rulesFile } from '../config-access.ts'
import { ConfigError, describeIssues } from '../config-error.ts'
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
): Promise<Policies | undefined> {
  const { rules, file, shadow } = access
  const isGuarded = hasAuthentication || rules.length > 0 || file !== undefined
  const otherwise = access.default ?? (isGuarded ? 'deny' : 'allow')
  if (!isGuarded && otherwise === 'allow' && shadow === undefined) return undefined
  return {
    policy: await loadPolicy({ rules, file, default: otherwise }, 'access.rules'),
    shadow: shadow && (await loadPolicy(shadow, 'access.shadow.rules')),
  }
}

interface PolicyConfig {
  readonly default?: 'allow' | 'deny' | undefined
  readonly rules: readonly RuleConfig[]
  readonly file?: string | undefined
}

async function loadPolicy(config: PolicyConfig, place: string): Promise<Policy> {
  const { file } = config
  const own = compileRules(config.rules, place)
  const more = file === undefined ? [] : await loadRulesFile(file)
  return { rules: [...own, ...more], isAllowingOtherwise: config.default === 'allow' }
}

/** Reads a file of access rules. Throws `ConfigError`. */
async function loadRulesFile(path: string): Promise<readonly Rule[]> {
  const { input, source } = await readConfigFile(path)
  const parsed = rulesFile.safeParse(input)
  if (!parsed.success) {
    throw new ConfigError(describeIssues(rulesFile, parsed.error.issues, input, source))
  }
  return compileRules(parsed.data.rules, `${path}: rules`)
}
