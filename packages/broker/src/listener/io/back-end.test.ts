import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ConfigError } from '../../config-error.ts'
import { tcpContract } from '../tcp.contract.ts'
import { startAcceptor } from './acceptor.ts'
import { openBackEnd } from './back-end.ts'
import { addressText, openSystem } from './system.ts'
import { UringSockets } from './uring.ts'

for (const name of ['epoll', 'io_uring'] as const) {
  const backEnd = await openBackEnd(name).catch((error: ConfigError) => error)
  if (backEnd instanceof ConfigError) {
    test(`${name}: not here`, { skip: backEnd.message }, () => {})
    continue
  }
  after(() => backEnd[Symbol.dispose]())
  tcpContract(name, backEnd.listen)
  if (name === 'io_uring') littleRoom()
}

/** So that the buffers run dry, the ring is full, and completions have to be put aside. */
function littleRoom(): void {
  const system = openSystem()
  if (typeof system === 'string') return
  const options = { entries: 4, completions: 8, buffers: 2, bufferBytes: 1_024 }
  const sockets = new UringSockets(system, options)
  after(() => sockets[Symbol.dispose]())
  tcpContract('io_uring with little room', (given, accept, log) =>
    startAcceptor({ system, sockets }, given, accept, log),
  )
}

test('auto takes one that works, and says of each faster one why it does not', async () => {
  using backEnd = await openBackEnd('auto')
  const names = ['io_uring', 'epoll', 'net']
  assert.deepEqual(
    backEnd.because.map((reason) => reason.split(':')[0]),
    names.slice(0, names.indexOf(backEnd.name)),
  )
})

const addresses = [
  ['0200 075b 7f000001', '127.0.0.1:1883'],
  ['0a00 075b 00000000 00000000000000000000000000000001 00000000', '[::1]:1883'],
  ['0a00 075b 00000000 00000000000000000000ffff0a000001 00000000', '10.0.0.1:1883'],
  ['0a00 ffff 00000000 20010db8000000000000000000000a01 00000000', '[2001:db8::a01]:65535'],
] as const

for (const [hex, text] of addresses)
  test(`the address ${text}`, () => {
    const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    assert.equal(addressText(bytes), text)
  })
