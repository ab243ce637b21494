import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { encodePacket } from '@busbar/protocol'
import { pause } from '../deadline.ts'
import { connectPacket, RawClient } from '../raw-client.ts'

// Who takes up room for `flood.ts --mode crowd`: URL, slow ones, idle ones.

const [url = '', slow, idle] = process.argv.slice(2)
const { hostname, port } = new URL(url)
/** What the slow ones send, a byte at a time: it would last for minutes. */
const hello = encodePacket(connectPacket({ clientIdentifier: 'x'.repeat(500) }), 5)
const byteMs = 500
/** Opened at the same time. */
const lanes = 100
const idlers: RawClient[] = []
let isStopping = false
/** Of those that had not logged in, by the broker. */
let closed = 0

/** Comes again whenever it has been closed. */
async function drip(): Promise<void> {
  while (!isStopping) {
    const socket = await open()
    for (let at = 0; !socket.closed && !isStopping && at < hello.length; at++) {
      socket.write(Uint8Array.of(hello[at] ?? 0))
      await pause(byteMs)
    }
    if (socket.closed) closed++
    socket.destroy()
  }
}

async function open(): Promise<Socket> {
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {}).resume()
  await Promise.race([once(socket, 'connect'), once(socket, 'close')])
  return socket
}

/** Half of them have logged in and say nothing more; from the others nothing comes at all. */
async function addIdler(index: number): Promise<void> {
  if (index % 2 === 1) return void stayAway(await open())
  const client = await RawClient.open(url)
  const { reasonCode } = await client.connect({ clientIdentifier: `idle ${index}` })
  if (reasonCode !== 0) throw new Error(`an idle client was refused with ${reasonCode}`)
  idlers.push(client)
}

/** Comes again whenever it has been closed. */
async function stayAway(first: Socket): Promise<void> {
  for (let socket = first; !isStopping; socket = await open()) {
    if (!socket.closed) await once(socket, 'close')
    closed++
  }
}

async function addAll(count: number, add: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await add(next++)
  }
  await Promise.all(Array.from({ length: lanes }, lane))
}

process.on('message', async (what) => {
  if (what === 'begin') {
    for (let index = 0; index < Number(slow); index++) void drip()
    await addAll(Number(idle), addIdler)
  }
  if (what === 'stop') isStopping = true
  const lost = idlers.filter(({ isClosed }) => isClosed).length
  process.send?.({ closed, lost, idlers: idlers.length })
})
process.on('disconnect', () => process.exit(0))
