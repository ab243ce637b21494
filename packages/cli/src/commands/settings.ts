import {
  type ConfigFile,
  environmentOverrides,
  overrideConfig,
  readConfigFile,
} from '@busbar/broker'

const noFile: ConfigFile = { input: {}, source: { locate: () => undefined } }

/** The configuration file, if one is named, and over it the environment; not checked yet. */
export async function readSettings(path: string | undefined): Promise<ConfigFile> {
  const file = path === undefined ? noFile : await readConfigFile(path)
  const { overrides, problems } = environmentOverrides(process.env)
  const { input, source } = overrideConfig(file, overrides)
  return { input, source: { ...source, problems } }
}
