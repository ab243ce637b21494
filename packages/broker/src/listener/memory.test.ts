import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connectInMemory } from './memory.ts'
import { type ConnectPeer, eventually, transportContract } from './transport.contract.ts'

const connectPeer: ConnectPeer = async (accept) => {
  const chunks: Uint8Array[] = []
  let isClosed = false
  const link = connectInMemory(accept)
  link.receive = (bytes) => chunks.push(Uint8Array.from(bytes))
  link.closed = () => {
    isClosed = true
  }
  return {
    peer: {
      send: link.send,
      received: () => Buffer.concat(chunks),
      isClosed: () => isClosed,
      // A link has no way to hold back: its end is in this process.
      stopReading() {},
      startReading() {},
      end: link.close,
      reset: link.close,
    },
    async [Symbol.asyncDispose]() {
      link.close()
    },
  }
}

transportContract('memory', connectPeer)

test("closing a link does not call the closer's own closed()", async () => {
  let own = 0
  let other = 0
  const link = connectInMemory(() => ({ receive() {}, drained() {}, closed: () => other++ }))
  link.closed = () => own++
  link.close()
  await eventually(() => other === 1, 'the broker hears of it')
  await new Promise(setImmediate)
  assert.equal(own, 0)
})

test('a broker that holds back for a link that closes can go on', async () => {
  const order: string[] = []
  const link = connectInMemory((transport) => {
    transport.write(new Uint8Array(1_000))
    transport.pause()
    return {
      receive: () => order.push('receive'),
      drained() {
        order.push('drained')
        transport.resume()
      },
      closed: () => order.push('closed'),
    }
  })
  link.send(Uint8Array.of(1))
  link.close()
  await eventually(() => order.includes('closed'), 'closed() is called')
  assert.deepEqual(order, ['drained', 'receive', 'closed'])
})
