import type { Command, FreeCommand } from './command.ts'

/** A command, and what it needs only when it is used: `busbar pub` loads no broker. */
export interface Listed {
  readonly name: string
  readonly summary: string
  load(): Promise<Command | FreeCommand>
}

/** All of them, in the order of the overview. */
export const commands: readonly Listed[] = [
  {
    name: 'broker',
    summary: 'Runs an MQTT broker until it is told to stop (SIGTERM, or Ctrl-C).',
    load: async () => (await import('./commands/broker.ts')).brokerCommand,
  },
  {
    name: 'user',
    summary: 'Adds, changes, lists and removes users of the password file.',
    load: async () => (await import('./commands/user.ts')).userCommand,
  },
  {
    name: 'check',
    summary:
      'Checks a configuration file, with the files that it names, and says all that is wrong.',
    load: async () => (await import('./commands/check.ts')).checkCommand,
  },
  {
    name: 'reload',
    summary: 'Makes a running broker read its configuration, and the files that it names, again.',
    load: async () => (await import('./commands/reload.ts')).reloadCommand,
  },
  {
    name: 'cert',
    summary: 'Makes a certificate authority for a lab, and certificates for servers and clients.',
    load: async () => (await import('./commands/cert.ts')).certCommand,
  },
  {
    name: 'status',
    summary: 'Says how the broker fares that runs on a data folder.',
    load: async () => (await import('./commands/status.ts')).statusCommand,
  },
  {
    name: 'losses',
    summary: 'Lists what was dropped, expired or denied, by client and cause.',
    load: async () => (await import('./commands/losses.ts')).lossesCommand,
  },
  {
    name: 'kick',
    summary: 'Disconnects a client.',
    load: async () => (await import('./commands/kick.ts')).kickCommand,
  },
  {
    name: 'acl',
    summary: 'Says why a client may do something or may not; tests, imports and lists denials.',
    load: async () => (await import('./commands/acl.ts')).aclCommand,
  },
  {
    name: 'backup',
    summary: 'Writes a complete copy of what a broker has stored, also while it runs.',
    load: async () => (await import('./commands/backup.ts')).backupCommand,
  },
  {
    name: 'restore',
    summary: 'Puts a backup in the place of what a broker has stored, while it does not run.',
    load: async () => (await import('./commands/restore.ts')).restoreCommand,
  },
  {
    name: 'store',
    summary: 'Checks what a broker has stored, or a backup of it.',
    load: async () => (await import('./commands/store.ts')).storeCommand,
  },
  {
    name: 'pub',
    summary: 'Publishes messages, as mosquitto_pub does.',
    load: async () => (await import('./commands/pub.ts')).pubCommand,
  },
  {
    name: 'sub',
    summary: 'Prints messages as they come, as mosquitto_sub does.',
    load: async () => (await import('./commands/sub.ts')).subCommand,
  },
  {
    name: 'conformance',
    summary: 'Tests any MQTT broker against the numbered statements of the standards.',
    load: async () => (await import('./commands/conformance.ts')).conformanceCommand,
  },
]
