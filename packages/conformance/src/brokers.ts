import type { ProfileName } from './profiles.ts'
import { type StartedBroker, type StartOptions, startForProfile } from './start.ts'

/** Where the broker of each profile is; a started one is started when it is first asked for. */
export interface BrokerOptions {
  readonly url?: string
  readonly profiles?: Readonly<Record<string, string>>
  readonly start?: StartOptions
}

/** The URL of a profile's broker, or why there is none. */
export type Place = { readonly url: URL } | { readonly missing: string }

/** The brokers of one run. */
export class Brokers implements AsyncDisposable {
  readonly #options: BrokerOptions
  readonly #started = new Map<ProfileName, Promise<StartedBroker | undefined>>()

  constructor(options: BrokerOptions) {
    this.#options = options
  }

  /** Never rejects: a broker that does not start is a reason not to run its cases. */
  async place(profile: ProfileName): Promise<Place> {
    const { url, profiles = {}, start } = this.#options
    const given = profiles[profile] ?? (profile === 'default' ? url : undefined)
    if (given !== undefined) return { url: new URL(given) }
    if (start === undefined) return { missing: `needs the URL of a broker for ${profile}` }
    // Both listen in one process.
    const process = profile === 'websocket' ? 'default' : profile
    try {
      const broker = await this.#start(start, process)
      if (broker === undefined) {
        return { missing: `${start.format} has no configuration for ${profile}` }
      }
      return { url: new URL(profile === 'websocket' ? broker.websocketUrl : broker.mqttUrl) }
    } catch (error) {
      return { missing: `no broker for ${profile}: ${(error as Error).message}` }
    }
  }

  async #start(start: StartOptions, profile: ProfileName): Promise<StartedBroker | undefined> {
    const running = this.#started.get(profile) ?? startForProfile(start, profile)
    this.#started.set(profile, running)
    return await running
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const settled = await Promise.allSettled(this.#started.values())
    await Promise.all(
      settled.map(async (each) => {
        if (each.status === 'fulfilled') await each.value?.[Symbol.asyncDispose]()
      }),
    )
  }
}
