import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { ConfigError } from '../../config-error.ts'
import { silentLog } from '../../log.ts'
import type { Transport } from '../../transport.ts'
import type { Accept } from '../listener.ts'
import { type StartTcp, tcpContract } from '../tcp.contract.ts'
import { eventually } from '../transport.contract.ts'
import { startAcceptor } from './acceptor.ts'
import { type BackEnd, openBackEnd } from './back-end.ts'
import { EpollSockets } from './epoll.ts'
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
  readsBeforeItFails(name, backEnd.listen)
  if (name === 'epoll') everybodyHasATurn(backEnd)
  if (name === 'io_uring') littleRoom()
  else oneByOne()
}

/** A client that says something, and resets the connection, while something is sent to it. */
function readsBeforeItFails(name: string, listen: StartTcp): void {
  test(`${name}: what came before a reset is received, although a write fails before`, async () => {
    let transport: Transport | undefined
    let heard = ''
    let isClosed = false
    const accept: Accept = (opened) => {
      transport = opened
      return {
        receive(bytes) {
          heard += Buffer.from(bytes).toString()
        },
        drained() {},
        closed() {
          isClosed = true
        },
      }
    }
    const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 600 }
    await using listener = await listen(options, accept, silentLog)
    const socket = connect(Number(new URL(listener.url).port), '127.0.0.1')
    await eventually(() => transport !== undefined, 'it is accepted')
    socket.write('said')
    socket.resetAndDestroy()
    transport?.write(Uint8Array.of(1))
    await eventually(() => isClosed, 'it has closed')
    assert.equal(heard, 'said')
  })
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

/** Those that always have something to be read, and are slow to be dealt with, one after the other. */
function everybodyHasATurn(backEnd: BackEnd): void {
  test('epoll: nobody is read again and again while others wait', async () => {
    const counts: number[] = []
    let least = 0
    const accept: Accept = () => {
      const index = counts.push(0) - 1
      return {
        receive() {
          counts[index] = (counts[index] ?? 0) + 1
          if (counts[index] === 4) least = Math.max(least, 4 - Math.min(...counts))
          const until = performance.now() + 1
          while (performance.now() < until) {
            // as a message for many subscribers would
          }
        },
        drained() {},
        closed() {},
      }
    }
    const options = { host: '127.0.0.1', port: 0, closeTimeoutMs: 600 }
    await using listener = await backEnd.listen(options, accept, silentLog)
    const sockets = Array.from({ length: 40 }, () =>
      connect(Number(new URL(listener.url).port), '127.0.0.1'),
    )
    await eventually(() => counts.length === 40, 'all to be accepted')
    for (const socket of sockets) socket.write(new Uint8Array(4_000_000))
    await eventually(() => counts.every((count) => count >= 4), 'all to be read', 30_000)
    for (const socket of sockets) socket.destroy()
    assert.ok(least <= 2, `one had 4 turns when another had ${4 - least}`)
  })
}

/** As on a kernel that does not take several reads or writes with one call. */
function oneByOne(): void {
  const system = openSystem()
  if (typeof system === 'string') return
  const sockets = new EpollSockets(system, false)
  after(() => sockets[Symbol.dispose]())
  const listen: StartTcp = (given, accept, log) =>
    startAcceptor({ system, sockets }, given, accept, log)
  tcpContract('epoll, one by one', listen)
  readsBeforeItFails('epoll, one by one', listen)
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
