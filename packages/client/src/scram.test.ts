import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Packet } from '@busbar/protocol'
import { connect } from './connect.ts'
import type { ClientError } from './errors.ts'
import { scramSha256 } from './scram.ts'
import { connack, type PeerConnection, ScriptedPeer, textOf } from './testing/scripted-peer.ts'

// The example of RFC 7677, section 3.
const example = {
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  serverFirst:
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  clientFinal:
    'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  serverFinal: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
}
const bytes = (text: string) => new TextEncoder().encode(text)
const authentication = () => scramSha256('user', 'pencil', { nonce: () => example.nonce })
const authenticationMethod = 'SCRAM-SHA-256'

/** Plays the server of the example; `last` is what it proves itself with. */
function exampleServer(last: string): ScriptedPeer {
  const peer = new ScriptedPeer()
  const auth = (reasonCode: number, text: string): Packet => ({
    type: 'auth',
    reasonCode,
    properties: { authenticationMethod, authenticationData: bytes(text) },
  })
  let isConnected = false
  peer.onPacket = (packet: Packet, connection: PeerConnection) => {
    if (packet.type === 'connect') connection.send(auth(0x18, example.serverFirst))
    if (packet.type !== 'auth') return
    if (packet.reasonCode === 0x19) connection.send(auth(0x18, example.serverFirst))
    else if (isConnected) connection.send(auth(0, last))
    else {
      isConnected = true
      const properties = { authenticationMethod, authenticationData: bytes(last) }
      connection.send(connack({ properties }))
    }
  }
  return peer
}

test('the example of RFC 7677, for CONNECT and again', async () => {
  const peer = exampleServer(example.serverFinal)
  const client = await connect(peer.target, { authentication: authentication() })
  const { received } = peer.last
  const data = () =>
    received.map((packet) =>
      packet.type === 'connect' || packet.type === 'auth'
        ? textOf(packet.properties.authenticationData)
        : packet.type,
    )
  const first = `n,,n=user,r=${example.nonce}`
  assert.deepEqual(data(), [first, example.clientFinal])
  await client.reauthenticate()
  assert.deepEqual(data(), [first, example.clientFinal, first, example.clientFinal])
  await client.close()
})

test('a server that does not know the password is not believed', async () => {
  const wrong = 'v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
  for (const last of [wrong, 'e=other-error', '']) {
    const connecting = connect(exampleServer(last).target, { authentication: authentication() })
    await assert.rejects(connecting, (error: ClientError) => error.code === 'authentication-failed')
  }
})

const refused = [
  ['another nonce', 'r=other,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'],
  ['our nonce alone', `r=${example.nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
  ['few iterations', `r=${example.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1`],
  ['too many iterations', `r=${example.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=999999999`],
  ['a mandatory extension', `m=x,r=${example.nonce}x,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`],
] as const
for (const [name, message] of refused) {
  test(`refuses ${name}`, async () => {
    const exchange = authentication().start()
    await exchange.first()
    await assert.rejects(exchange.next(bytes(message)), /SCRAM/)
  })
}

test('names are escaped', async () => {
  const exchange = scramSha256('a=b,c', 'x', { nonce: () => 'n' }).start()
  assert.equal(textOf(await exchange.first()), 'n,,n=a=3Db=2Cc,r=n')
})
