import { BlockList, isIP } from 'node:net'
import type { Config } from './config.ts'
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

/** Whether clients without credentials are let in. */
export function allowsAnonymous(config: Config, hasAuthenticator: boolean): boolean {
  return config.auth.allowAnonymous ?? (config.auth.users.length === 0 && !hasAuthenticator)
}

/** Whether there is any way to authenticate; access rules deny by default then. */
export function hasAuthentication(config: Config, hasAuthenticator: boolean): boolean {
  return config.auth.users.length > 0 || hasAuthenticator
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
  const problems = config.listeners.flatMap(({ host }, index) => {
    if (isLoopback(host)) return []
    const path = ['listeners', index, 'host']
    const text = `is ${JSON.stringify(host)}, which others can reach, and nobody has to authenticate; allowed is a loopback address. Add users under auth.users, or let everybody in with --allow-anonymous (auth.allowAnonymous: true)`
    return [{ place: source?.locate(path), path: pathText(path), text }]
  })
  if (problems.length > 0) throw new ConfigError(problems)
}
