import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { encodePacket } from '@busbar/protocol'
import { busbar, startProgram } from './busbar.ts'
import { eventually } from './deadline.ts'
import { run } from './program.ts'
import { connectPacket, RawClient } from './raw-client.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { testedIo } from './tested-io.ts'

export type BackEndName = 'net' | 'epoll' | 'io_uring'

/** Fewer than clients come, and enough for the broker itself. */
const descriptors = 120
const clients = 150

/**
 * More clients than a broker has file descriptors for: those who are connected are served as ever,
 * the others wait and are let in when there is room; with `net` they are closed.
 */
export async function exhaustDescriptors(io: BackEndName | undefined = testedIo()): Promise<void> {
  const folder = await temporaryFolder()
  const settings = ['sys.intervalSeconds=1', ...(io === undefined ? [] : [`io=${io}`])]
  const flags = settings.map((setting) => `--set ${setting}`).join(' ')
  const command = `ulimit -n ${descriptors}; exec "$0" broker --port 0 --ws-port 0 ${flags}`
  await using broker = await startProgram('bash', ['-c', command, busbar], folder)
  await using known = await RawClient.open(broker.tcp)
  await known.connect({ clientIdentifier: 'known' })
  await using watcher = await RawClient.open(broker.tcp)
  await watcher.connect({ clientIdentifier: 'watcher' })
  const comers = Array.from({ length: clients }, (_, index) => new Comer(broker.tcp, index))
  try {
    await broker.program.line(/error out of file descriptors/)
    // What the broker does by itself goes on as well.
    await watcher.subscribe('$SYS/broker/uptime')
    for (let i = 0; i < 3; i++) await watcher.next('publish')
    await known.ping()
    const { code } = await run(busbar, ['status', '--json'], { cwd: folder.path })
    assert.equal(code, 0, 'the control socket needs descriptors, too')
    const outside = comers.filter(({ isServed }) => !isServed)
    assert.ok(outside.length > 0, 'some had no room')
    if (io === 'net')
      await eventually(() => outside.every(({ socket }) => socket.closed), 'the end')
    else assert.ok(outside.every(({ socket }) => !socket.closed))
    // Each leaves when it has been served.
    for (const comer of comers) comer.leave()
    if (io === 'net') await comeUntilServed(broker.tcp)
    else await eventually(() => outside.every(({ isServed }) => isServed), 'room for who waited')
    await known.ping()
    await known.leave()
  } finally {
    for (const { socket } of comers) socket.destroy()
  }
}

/** Comes again when it was closed: the broker may not have heard yet that the others left. */
async function comeUntilServed(url: string): Promise<void> {
  let comer: Comer | undefined
  await eventually(() => {
    if (comer === undefined || (comer.socket.closed && !comer.isServed)) {
      comer = new Comer(url, clients)
      comer.leave()
    }
    return comer.isServed
  }, 'room for one who came again')
}

class Comer {
  readonly socket: Socket
  /** Has had a CONNACK of success. */
  isServed = false
  #isLeaving = false

  constructor(url: string, index: number) {
    const { hostname, port } = new URL(url)
    const hello = encodePacket(connectPacket({ clientIdentifier: `comer ${index}` }), 5)
    this.socket = connect(Number(port), hostname)
    this.socket.on('error', () => {})
    this.socket.write(hello)
    this.socket.on('data', (bytes: Buffer) => {
      this.isServed ||= bytes[0] === 0x20 && bytes[3] === 0
      if (this.#isLeaving) this.socket.destroy()
    })
  }

  leave(): void {
    this.#isLeaving = true
    if (this.isServed) this.socket.destroy()
  }
}
