import { auth, property } from '../bytes.ts'
import type { ConnectOptions, Trial } from '../case.ts'
import { alice } from '../profiles.ts'
import type { RawPeer } from '../raw-peer.ts'
import type { Received } from '../received.ts'
import { ScramClient } from '../scram.ts'

export const method = 'SCRAM-SHA-256'

/** An exchange up to the Server's first AUTH; the case goes on from there. */
interface Exchange {
  readonly peer: RawPeer
  readonly client: ScramClient
  readonly clientId: string
  readonly serverFirst: Received
}

interface ExchangeOptions {
  readonly password?: string
  readonly connect?: ConnectOptions
}

/** AUTH of SCRAM-SHA-256; of another method where one is given. */
export function scramAuth(reasonCode: number, data: Uint8Array, name: string = method): Uint8Array {
  const properties = [property.authenticationMethod(name), property.authenticationData(data)]
  return auth(reasonCode, properties)
}

/** Sends CONNECT with the client's first message and takes the AUTH that answers it. */
export async function beginScram(
  t: Trial,
  { password = alice.password, connect = {} }: ExchangeOptions = {},
): Promise<Exchange> {
  const client = new ScramClient({ name: alice.name, password })
  const clientId = typeof connect.clientId === 'string' ? connect.clientId : t.id()
  const peer = await t.open()
  const own = [
    property.authenticationMethod(method),
    property.authenticationData(client.first),
    ...(connect.properties ?? []),
  ]
  peer.send(t.connectBytes({ ...connect, clientId, properties: own }))
  const answer = await peer.receiveUnlessClosed()
  if (answer === undefined || answer.reasonCode >= 0x80) {
    t.skip('the Server does not authenticate with SCRAM-SHA-256')
  }
  if (answer.type !== 'auth') t.fail(`expected AUTH, got ${answer}`)
  return { peer, client, clientId, serverFirst: answer }
}

/** The whole exchange; gives the peer and the CONNACK that accepted it. */
export async function connectScram(
  t: Trial,
  options: ExchangeOptions = {},
): Promise<Exchange & { readonly connack: Received }> {
  const exchange = await beginScram(t, options)
  const { peer, client, serverFirst } = exchange
  peer.send(scramAuth(0x18, client.final(serverFirst.property('authenticationData'))))
  const connack = await peer.expect('connack', { reasonCode: 0 })
  client.verify(connack.property('authenticationData'))
  return { ...exchange, connack }
}

/** Authenticates again up to the Server's AUTH 18; the case sends the proof. */
export async function beginAgain(
  peer: RawPeer,
  { password = alice.password }: Pick<ExchangeOptions, 'password'> = {},
): Promise<{ readonly client: ScramClient; readonly proof: Uint8Array }> {
  const client = new ScramClient({ name: alice.name, password })
  peer.send(scramAuth(0x19, client.first))
  const serverFirst = await peer.pick('auth', { reasonCode: 0x18 })
  return { client, proof: client.final(serverFirst.property('authenticationData')) }
}
