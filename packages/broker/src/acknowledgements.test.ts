import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReasonCode } from '@busbar/protocol'
import { startTestBroker } from './testing/index.ts'
import { publish } from './testing/packets.contract.ts'

const { NoMatchingSubscribers, PacketIdentifierNotFound, Success } = ReasonCode

const answers = [
  { what: 'PUBACK', sent: publish('nobody', { qos: 1 }), reasonCode: NoMatchingSubscribers },
  { what: 'PUBREC', sent: publish('nobody', { qos: 2 }), reasonCode: NoMatchingSubscribers },
  {
    what: 'PUBCOMP',
    sent: { type: 'pubrel', packetIdentifier: 7, reasonCode: Success, properties: {} },
    reasonCode: PacketIdentifierNotFound,
  },
] as const

for (const protocolVersion of [4, 5] as const) {
  for (const { what, sent, reasonCode } of answers) {
    test(`${what} in ${protocolVersion}: a Reason Code is told where there is one`, async () => {
      await using broker = await startTestBroker()
      const peer = broker.open().connect({ protocolVersion }).send(sent)
      const [, ...received] = peer.received
      const told = protocolVersion === 5 ? reasonCode : Success
      const type = what.toLowerCase()
      assert.deepEqual(received, [{ type, packetIdentifier: 7, reasonCode: told, properties: {} }])
    })
  }
}
