import { ConnectedPeer } from './connected-peer.ts'
import { property, type Text, type Version } from './data-types.ts'
import { type ConnectFields, connect, publish } from './packets.ts'
import type { Wire } from './wire.ts'

const [sessionExpiryInterval] = property.sessionExpiryInterval(0)

/** What outlives the connections of a case in a Server: Sessions and retained messages. */
export class Leftovers {
  readonly #sessions = new Map<string, ConnectFields>()
  readonly #topics = new Set<Text>()

  /** Notes what an accepted CONNECT may leave behind. */
  noteConnect(fields: ConnectFields): void {
    const { clean = true, clientId, properties = [], will } = fields
    const mayLast = !clean || properties.some(([first]) => first === sessionExpiryInterval)
    if (mayLast && typeof clientId === 'string') this.#sessions.set(clientId, fields)
    if (will?.retain) this.noteRetained(will.topic)
  }

  /** Notes the topic of a retained message. */
  noteRetained(topic: Text): void {
    this.#topics.add(topic)
  }

  /** Removes all of it, as far as the Server lets us; `own` is for a connection of its own. */
  async remove(
    own: { readonly version: Version; readonly clientId: string },
    openWire: () => Promise<Wire>,
  ): Promise<void> {
    const end = async (fields: ConnectFields, packets: readonly Uint8Array[]): Promise<void> => {
      await using peer = new ConnectedPeer(await openWire(), fields.version, '')
      const { username, password } = fields
      const credentials = {
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
      }
      const { clientId = '' } = fields
      await peer.accept(connect({ version: fields.version, clientId, ...credentials }))
      peer.send(...packets)
      await peer.ping()
      await peer.disconnect()
    }
    const empty = [...this.#topics].map((topic) =>
      publish({ version: own.version, topic, retain: true }),
    )
    await Promise.allSettled([
      ...[...this.#sessions.values()].map((fields) => end(fields, [])),
      ...(empty.length > 0 ? [end(own, empty)] : []),
    ])
  }
}
