import packageJson from '../package.json' with { type: 'json' }

/** The version of Busbar, the same for all its packages. */
export const version: string = packageJson.version
