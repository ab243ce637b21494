import { isDeepStrictEqual } from 'node:util'
import { concat, type Part, raw, toHex, type Version } from './data-types.ts'
import { DecodeError, Decoder } from './decode.ts'
import { CaseFailure } from './failure.ts'
import type { PropertyName } from './properties.ts'
import { codes, type PropertyValue, type Received, type ReceivedType } from './received.ts'
import type { Violation } from './violations.ts'
import type { Wire } from './wire.ts'

/** What `expect` compares; a field that is not named may be anything. */
export interface Expected {
  readonly packetId?: number
  readonly reasonCode?: number
  readonly reasonCodes?: readonly number[]
  readonly sessionPresent?: boolean
  readonly topic?: string
  readonly payload?: string | Uint8Array
  readonly qos?: number
  readonly dup?: boolean
  readonly retain?: boolean
  readonly firstByte?: number
  /** The one value of each named property; `undefined` for a property that must be absent. */
  readonly properties?: Readonly<Partial<Record<PropertyName, PropertyValue | undefined>>>
}

/** How a Server may refuse, beside closing without a packet. */
export interface RejectOptions {
  /** The return codes of CONNACK that a 3.x Server may send; none by default. */
  readonly returnCodes?: readonly number[]
  readonly withinMs?: number
}

const answerMs = 2_000
const silenceMs = 1_000

/** One connection to the Server over which a case sends and receives bytes. */
export class RawPeer implements AsyncDisposable {
  readonly version: Version
  /** Settles when the Server has closed the connection; never rejects. */
  readonly closed: Promise<void>
  /** What the Server broke in passing; the run counts it against the statements. */
  readonly violations: Violation[] = []
  readonly #wire: Wire
  readonly #decoder: Decoder
  readonly #queue: Received[] = []
  // Formatted only for the report of a failure, because most are never shown.
  readonly #log: (readonly [direction: string, what: string | Uint8Array | Received])[] = []
  #brokenBy: DecodeError | undefined
  #isOpen = true
  #hasConnack = false
  #hasDisconnect = false
  readonly #waiters = new Set<() => void>()

  constructor(wire: Wire, version: Version) {
    this.version = version
    this.#wire = wire
    this.#decoder = new Decoder(version, (violation) => this.violations.push(violation))
    const { promise, resolve } = Promise.withResolvers<void>()
    this.closed = promise
    wire.listen(
      (bytes) => this.#receiveBytes(bytes),
      () => {
        if (this.#isOpen) this.#note('×', 'the Server closed')
        this.#isOpen = false
        resolve()
        this.#wake()
      },
    )
  }

  /** Whether the Server has kept its side of the connection open, as far as this side knows. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** Packets that came and that nothing has asked for yet. */
  get waiting(): readonly Received[] {
    return this.#queue
  }

  /** The first and the last packets on this connection, for the report of a failure. */
  get transcript(): readonly string[] {
    return this.#log.map(([direction, what]) => {
      return `${direction} ${what instanceof Uint8Array ? toHex(what, 48) : what}`
    })
  }

  /** Takes all packets that came and that nothing has asked for yet. */
  takeWaiting(): readonly Received[] {
    return this.#queue.splice(0)
  }

  /** Sends the parts in one write. */
  send(...parts: readonly Part[]): void {
    const bytes = concat(...parts)
    this.#note('→', bytes)
    this.#wire.write(bytes)
  }

  /** Sends the bytes in pieces of `size`, with a turn of the event loop or `pauseMs` between. */
  async sendInPieces(bytes: Uint8Array, { size = 1, pauseMs = 0 } = {}): Promise<void> {
    this.#note('→', `${toHex(bytes, 48)} in pieces of ${size}`)
    for (let at = 0; at < bytes.length; at += size) {
      this.#wire.write(bytes.subarray(at, at + size))
      await delay(pauseMs)
    }
  }

  /** The next packet. */
  async receive(timeoutMs = answerMs): Promise<Received> {
    return await this.#take('a packet', () => true, timeoutMs)
  }

  /** The next packet; undefined when the Server closes instead. */
  async receiveUnlessClosed(timeoutMs = answerMs): Promise<Received | undefined> {
    const wanted = 'a packet, or the Server to close'
    const deadline = Date.now() + timeoutMs
    while (this.#queue.length === 0 && this.#isOpen) {
      this.#throwIfBroken(wanted)
      if (!(await this.#change(deadline))) {
        this.#fail(`expected ${wanted} within ${timeoutMs} ms, got nothing`)
      }
    }
    return this.#queue.shift()
  }

  /** The next packet, which has this type and these fields. */
  async expect(type: ReceivedType, fields: Expected = {}, timeoutMs = answerMs): Promise<Received> {
    const wanted = describe(type, fields)
    const received = await this.#take(wanted, () => true, timeoutMs)
    if (received.type !== type) this.#fail(`expected ${wanted}, got ${received}`)
    this.#compare(received, fields, wanted)
    return received
  }

  /** The first packet of this type; others before it stay for later. */
  async pick(type: ReceivedType, fields: Expected = {}, timeoutMs = answerMs): Promise<Received> {
    const wanted = describe(type, fields)
    const received = await this.#take(wanted, (packet) => packet.type === type, timeoutMs)
    this.#compare(received, fields, wanted)
    return received
  }

  /** Nothing comes for `ms`, and the connection stays open. */
  async expectNothing(ms = silenceMs): Promise<void> {
    const deadline = Date.now() + ms
    while (this.#queue.length === 0 && this.#isOpen && this.#brokenBy === undefined) {
      if (!(await this.#change(deadline))) return
    }
    this.#throwIfBroken('nothing')
    const [first] = this.#queue
    this.#fail(`expected nothing, got ${first ?? 'the end of the connection'}`)
  }

  /** The Server closes without sending a packet. */
  async expectClosed(withinMs = answerMs): Promise<void> {
    await this.#untilClosed('the Server to close', withinMs)
    const [first] = this.#queue
    if (first !== undefined)
      this.#fail(`expected the Server to close and nothing else, got ${first}`)
  }

  /**
   * The Server closes; what it may send before is one CONNACK, or DISCONNECT after a CONNACK, with
   * one of these Reason Codes. Gives that packet, or undefined when it closed without one.
   */
  async rejects(
    reasonCodes: readonly number[],
    { returnCodes = [], withinMs = answerMs }: RejectOptions = {},
  ): Promise<Received | undefined> {
    const wasAccepted = this.#hasConnack && this.#queue.every(({ type }) => type !== 'connack')
    const allowed = this.version === 5 ? reasonCodes : returnCodes
    const wanted = `the Server to close${allowed.length > 0 ? `, at most with code ${codes(allowed)}` : ''}`
    await this.#untilClosed(wanted, withinMs)
    const [refusal, ...more] = this.#queue.splice(0)
    if (refusal === undefined) return undefined
    const isRefusal = refusal.type === (wasAccepted ? 'disconnect' : 'connack')
    if (!isRefusal || !allowed.includes(refusal.reasonCode)) {
      this.#fail(`expected ${wanted}, got ${refusal}`)
    }
    if (more[0] !== undefined) this.#fail(`expected nothing behind ${refusal}, got ${more[0]}`)
    return refusal
  }

  /** Stops reading. */
  pause(): void {
    this.#wire.pause()
  }

  resume(): void {
    this.#wire.resume()
  }

  /** Breaks the Network Connection off (RST), as a failing network does. */
  abort(): void {
    this.#note('→', 'RST')
    this.#isOpen = false
    this.#wire.abort()
  }

  /** Closes this side (FIN) without a DISCONNECT. */
  end(): void {
    this.#note('→', 'FIN')
    this.#wire.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wire.resume()
    if (this.#isOpen) this.#wire.abort()
    this.#isOpen = false
    await Promise.race([this.closed, delay(100)])
  }

  #receiveBytes(bytes: Uint8Array): void {
    if (this.#brokenBy !== undefined) return
    try {
      for (const received of this.#decoder.push(bytes)) {
        this.#note('←', received)
        this.#checkOrder(received)
        this.#queue.push(received)
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error
      this.#brokenBy = error
      if (error.statement !== undefined) {
        this.violations.push({ statement: error.statement, message: error.message })
      }
    }
    this.#wake()
  }

  #checkOrder(received: Received): void {
    const broken = (five: string, three: string | undefined, what: string): void => {
      const statement = this.version === 5 ? five : three
      if (statement === undefined || this.version === 3) return
      this.violations.push({ statement, message: `${what}: ${received}` })
    }
    if (this.#hasDisconnect) broken('MQTT5-3.14.4-1', undefined, 'a packet behind DISCONNECT')
    if (received.type === 'connack') {
      if (this.#hasConnack) broken('MQTT5-3.2.0-2', undefined, 'a second CONNACK')
      this.#hasConnack = true
    } else if (!this.#hasConnack) {
      if (received.type === 'disconnect') broken('MQTT5-3.14.0-1', undefined, 'before any CONNACK')
      else if (received.type !== 'auth') {
        broken('MQTT5-3.2.0-1', 'MQTT3-3.2.0-1', 'a packet before CONNACK')
      }
    }
    if (received.type === 'disconnect') this.#hasDisconnect = true
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter()
  }

  async #take(
    wanted: string,
    isIt: (packet: Received) => boolean,
    timeoutMs: number,
  ): Promise<Received> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const at = this.#queue.findIndex(isIt)
      const [found] = at >= 0 ? this.#queue.splice(at, 1) : []
      if (found !== undefined) return found
      this.#throwIfBroken(wanted)
      const others = this.#queue.length > 0 ? `, got ${this.#queue.join(', ')}` : ''
      if (!this.#isOpen) this.#fail(`expected ${wanted}, but the connection was closed${others}`)
      if (!(await this.#change(deadline))) {
        this.#fail(`expected ${wanted} within ${timeoutMs} ms${others || ', got nothing'}`)
      }
    }
  }

  async #untilClosed(wanted: string, withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs
    while (this.#isOpen) {
      if (await this.#change(deadline)) continue
      const got = this.#queue.length > 0 ? `, got ${this.#queue.join(', ')}` : ''
      this.#fail(`expected ${wanted} within ${withinMs} ms; it kept the connection open${got}`)
    }
    this.#throwIfBroken(wanted)
  }

  /** Waits for a packet or the end of the connection; false when the deadline passed first. */
  async #change(deadline: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => resolve(false), Math.max(0, deadline - Date.now()))
    const wake = (): void => resolve(true)
    this.#waiters.add(wake)
    const changed = await promise
    clearTimeout(timer)
    this.#waiters.delete(wake)
    return changed
  }

  #compare(received: Received, fields: Expected, wanted: string): void {
    const { payload, properties = {}, ...plain } = fields
    const differs = Object.entries(plain).some(
      ([name, value]) => !isDeepStrictEqual(received[name as keyof typeof plain], value),
    )
    const payloadDiffers =
      payload !== undefined && Buffer.compare(received.payload, raw(payload)) !== 0
    if (differs || payloadDiffers) this.#fail(`expected ${wanted}, got ${received}`)
    for (const [name, value] of Object.entries(properties)) {
      const sent = received.properties(name as PropertyName)
      if (isDeepStrictEqual(sent, value === undefined ? [] : [value])) continue
      const found = sent.length === 0 ? 'without it' : `with ${show(sent)}`
      this.#fail(`expected ${wanted} with ${name} ${show(value)}, got it ${found}: ${received}`)
    }
  }

  #throwIfBroken(wanted: string): void {
    if (this.#brokenBy === undefined) return
    this.#fail(`expected ${wanted}, but the Server sent no MQTT: ${this.#brokenBy.message}`)
  }

  #note(direction: string, what: string | Uint8Array | Received): void {
    this.#log.push([direction, what])
    if (this.#log.length > 24) this.#log.splice(12, 1)
  }

  #fail(message: string): never {
    throw new CaseFailure(message, this.transcript)
  }
}

/** Waits; for cases about time, which say why. */
export async function delay(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  if (ms > 0) setTimeout(resolve, ms)
  else setImmediate(resolve)
  await promise
}

function describe(type: ReceivedType, fields: Expected): string {
  const words = Object.entries(fields)
    .filter(([name]) => name !== 'properties')
    .map(
      ([name, value]) =>
        `${name} ${name.startsWith('reason') ? codes([value].flat()) : show(value)}`,
    )
  return [type.toUpperCase(), ...words].join(' ')
}

function show(value: unknown): string {
  if (value instanceof Uint8Array) return toHex(value, 32)
  return Array.isArray(value)
    ? `[${value.map(show).join(', ')}]`
    : (JSON.stringify(value) ?? 'absent')
}
