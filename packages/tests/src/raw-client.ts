import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectSocket } from 'node:net'
import {
  type Connack,
  type Connect,
  encodePacket,
  Framer,
  type Link,
  largestPacket,
  type Packet,
  type ProtocolVersion,
  type Publish,
  readPacket,
} from '@busbar/protocol'
import { WebSocket } from 'ws'
import { within } from './deadline.ts'
import { Inbox } from './inbox.ts'

export type PacketOf<T extends Packet['type']> = Extract<Packet, { type: T }>

interface Wire {
  send(bytes: Uint8Array): void
  /** Closes after what was sent. */
  end(): void
  destroy(): void
  pause(): void
  resume(): void
}

interface WireEvents {
  receive(bytes: Uint8Array): void
  closed(): void
}

/** A client that sends any bytes, and stops reading when it is told to. */
export class RawClient implements AsyncDisposable {
  readonly packets = new Inbox<Packet | 'closed'>()
  /** Takes what arrives, instead of `packets`. A payload is valid during the call only. */
  onPacket: ((packet: Packet) => void) | undefined
  isClosed = false
  readonly closed: Promise<void>
  version: ProtocolVersion
  readonly #framer = new Framer(largestPacket)
  #wire: Wire | undefined
  readonly #settleClosed: () => void

  private constructor(version: ProtocolVersion) {
    this.version = version
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    this.#settleClosed = resolve
  }

  /** Opens a Network Connection to a URL, or takes one within the process. */
  static async open(target: string | Link, version: ProtocolVersion = 5): Promise<RawClient> {
    const client = new RawClient(version)
    const events = {
      receive: (bytes: Uint8Array) => client.#receive(bytes),
      closed: () => client.#end(),
    }
    if (typeof target !== 'string') client.#wire = overLink(target, events)
    else if (target.startsWith('ws:')) client.#wire = await overWebSocket(target, events)
    else client.#wire = await overTcp(target, events)
    return client
  }

  /** Bytes, or hexadecimal digits with spaces anywhere. */
  sendBytes(bytes: Uint8Array | string): this {
    this.#wire?.send(typeof bytes === 'string' ? fromHex(bytes) : bytes)
    return this
  }

  send(...packets: readonly Packet[]): this {
    for (const packet of packets) this.sendBytes(encodePacket(packet, this.version))
    return this
  }

  /** Sends an ordinary CONNECT with these fields and returns the CONNACK. */
  async connect(fields: Partial<Connect> = {}): Promise<Connack> {
    this.send(connectPacket({ protocolVersion: this.version, ...fields }))
    return await this.next('connack')
  }

  async subscribe(topicFilter: string, qos: 0 | 1 | 2 = 0): Promise<void> {
    this.send(subscribePacket(topicFilter, qos))
    const { reasonCodes } = await this.next('suback')
    assert.deepEqual(reasonCodes, [qos])
  }

  publish(topicName: string, payload: string | Uint8Array, fields: Partial<Publish> = {}): this {
    return this.send(publishPacket(topicName, payload, fields))
  }

  /** The next packet, which has to be of this type. */
  async next<T extends Packet['type']>(type: T): Promise<PacketOf<T>> {
    const packet = await this.packets.next(type)
    assert.ok(packet !== 'closed', `the connection closed instead of ${type}`)
    assert.equal(packet.type, type, JSON.stringify(packet))
    return packet as PacketOf<T>
  }

  /** A PINGREQ has been answered: everything sent before it has been dealt with. */
  async ping(): Promise<void> {
    this.send({ type: 'pingreq' })
    await this.next('pingresp')
  }

  pause(): void {
    this.#wire?.pause()
  }

  resume(): void {
    this.#wire?.resume()
  }

  /** Closes after what was sent, and waits for the broker to do the same. */
  async end(): Promise<void> {
    this.#wire?.end()
    await within(this.closed, 'the end of the connection')
  }

  /** Says goodbye, so that no Will is published. */
  async leave(): Promise<void> {
    this.send({ type: 'disconnect', reasonCode: 0, properties: {} })
    await within(this.closed, 'the end of the connection')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire?.destroy()
    await within(this.closed, 'the end of the connection')
  }

  #receive(bytes: Uint8Array): void {
    this.#framer.push(bytes)
    while (this.#framer.advance()) {
      const { firstByte } = this.#framer
      const packet = readPacket(firstByte, this.#framer.body(), this.version, 'server')
      if (this.onPacket === undefined) this.packets.push(owned(packet))
      else this.onPacket(packet)
    }
  }

  #end(): void {
    if (this.isClosed) return
    this.isClosed = true
    this.packets.push('closed')
    this.#settleClosed()
  }
}

/** Views of a read buffer do not outlast it. */
function owned(packet: Packet): Packet {
  if (packet.type === 'publish') return { ...packet, payload: packet.payload.slice() }
  return packet
}

export function connectPacket(fields: Partial<Connect> = {}): Connect {
  return {
    type: 'connect',
    protocolVersion: 5,
    clientIdentifier: 'raw',
    cleanStart: true,
    keepAliveSeconds: 0,
    properties: {},
    will: undefined,
    username: undefined,
    password: undefined,
    ...fields,
  }
}

export function subscribePacket(topicFilter: string, qos: 0 | 1 | 2 = 0): PacketOf<'subscribe'> {
  const options = { qos, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  return {
    type: 'subscribe',
    packetIdentifier: 1,
    properties: {},
    subscriptions: [{ topicFilter, options }],
  }
}

export function publishPacket(
  topicName: string,
  payload: string | Uint8Array,
  fields: Partial<Publish> = {},
): Publish {
  return {
    type: 'publish',
    dup: false,
    qos: 0,
    retain: false,
    topicName,
    packetIdentifier: 0,
    properties: {},
    payload: typeof payload === 'string' ? new TextEncoder().encode(payload) : payload,
    ...fields,
  }
}

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex.replaceAll(/\s/g, ''), 'hex'))
}

async function overTcp(url: string, events: WireEvents): Promise<Wire> {
  const { hostname, port } = new URL(url)
  const socket = connectSocket({ host: hostname.replace(/[[\]]/g, ''), port: Number(port) })
  socket.setNoDelay(true)
  await within(once(socket, 'connect'), `a connection to ${url}`)
  socket.on('error', () => {}) // `close` follows
  socket.on('data', events.receive)
  socket.on('close', events.closed)
  return {
    send: (bytes) => void socket.write(bytes),
    end: () => void socket.end(),
    destroy: () => void socket.destroy(),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
  }
}

async function overWebSocket(url: string, events: WireEvents): Promise<Wire> {
  const socket = new WebSocket(url, 'mqtt')
  await within(once(socket, 'open'), `a connection to ${url}`)
  socket.on('error', () => {})
  socket.on('message', (bytes: Buffer) => events.receive(bytes))
  socket.on('close', events.closed)
  return {
    send: (bytes) => socket.send(bytes),
    end: () => socket.close(),
    destroy: () => socket.terminate(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
  }
}

function overLink(link: Link, events: WireEvents): Wire {
  link.receive = events.receive
  link.closed = events.closed
  const close = () => {
    link.close()
    events.closed()
  }
  const pause = () => {
    throw new Error('a link cannot be paused')
  }
  return { send: (bytes) => link.send(bytes), end: close, destroy: close, pause, resume: pause }
}
