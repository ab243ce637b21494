import { existsSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { join } from 'node:path'
import type { Config, ListenerConfig } from './config.ts'
import { ConfigError, type ConfigSource, pathText } from './config-error.ts'

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8, 'ipv4')
loopback.addAddress('::1', 'ipv6')

/** Whether only programs of the same machine can reach a listener. A name is not believed. */
export function isLoopback(host: string): boolean {
  const family = isIP(host)
  if (family === 0) return host.toLowerCase() === 'localhost'
  return loopback.check(host, family === 6 ? 'ipv6' : 'ipv4')
}

/** Name of the password file in the data folder. */
export const passwordFileName = 'passwords'

/** The password file in use: the one that is named, or that in the data folder if it is there. */
export function passwordFileOf({ auth, store }: Config): string | undefined {
  if (auth.passwordFile !== undefined || store.engine === 'memory') return auth.passwordFile
  const usual = join(store.dir, passwordFileName)
  return existsSync(usual) ? usual : undefined
}

/** Whether nobody but this machine reaches a listener; the mode of a socket file says who. */
export function isLocal(listener: ListenerConfig): boolean {
  return listener.kind === 'unix' || isLoopback(listener.host)
}

/** Whether clients without credentials are let in. */
export function allowsAnonymous(config: Config, hasAuthenticator: boolean): boolean {
  return config.auth.allowAnonymous ?? !hasAuthentication(config, hasAuthenticator)
}

/** Whether there is any way to authenticate; access rules deny by default then. */
export function hasAuthentication(config: Config, hasAuthenticator: boolean): boolean {
  const { users, certificate, jwt, http } = config.auth
  const isConfigured =
    users.length > 0 || certificate !== 'none' || jwt !== undefined || http !== undefined
  return isConfigured || hasAuthenticator || passwordFileOf(config) !== undefined
}

/**
 * Refuses to offer a broker without authentication to a network, unless the operator said so.
 * Throws `ConfigError`, which names the two ways out.
 */
export function refuseExposure(
  config: Config,
  hasAuthenticator: boolean,
  source?: ConfigSource,
): void {
  if (config.auth.allowAnonymous === true || !allowsAnonymous(config, hasAuthenticator)) return
  const problems = config.listeners.flatMap((listener, index) => {
    if (listener.kind === 'unix' || isLocal(listener)) return []
    const { host } = listener
    const path = ['listeners', index, 'host']
    const text = `is ${JSON.stringify(host)}, which others can reach, and nobody has to authenticate; allowed is a loopback address. ${remedy(config)}, or let everybody in with \`busbar broker --allow-anonymous\` (auth.allowAnonymous: true)`
    return [{ place: source?.locate(path), path: pathText(path), text }]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}

/** What makes users, so that the broker finds them. */
function remedy({ store }: Config): string {
  if (store.engine === 'sqlite') {
    const folder = store.dir === './busbar-data' ? '' : ` --data ${JSON.stringify(store.dir)}`
    return `Add a user with \`busbar user add NAME${folder}\``
  }
  return 'Add a user with `busbar user add NAME --file passwords` and name the file with `busbar broker --set auth.passwordFile=passwords`'
}
