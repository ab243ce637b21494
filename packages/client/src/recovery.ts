import {
  type Connack,
  type ConnackProperties,
  type Disconnect,
  ProtocolError,
  ReasonCode,
} from '@busbar/protocol'
import { nameOfReasonCode, watchNetwork } from '#platform'
import type { Attempt, End } from './attempt.ts'
import { Backoff } from './backoff.ts'
import type { Connector } from './connector.ts'
import { deferred } from './deferred.ts'
import { isLink } from './destination.ts'
import { ClientError, MqttConnectError } from './errors.ts'

/** Coming again would change nothing: a wrong name, password, option or address. */
const permanentRefusals: ReadonlySet<number> = new Set([
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.UnsupportedProtocolVersion,
  ReasonCode.ClientIdentifierNotValid,
  ReasonCode.BadUserNameOrPassword,
  ReasonCode.NotAuthorized,
  ReasonCode.Banned,
  ReasonCode.BadAuthenticationMethod,
  ReasonCode.TopicNameInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
])

/** Somebody wants us gone: another client of our name, an operator, a server that has moved. */
const terminalDisconnects: ReadonlySet<number> = new Set([
  ReasonCode.SessionTakenOver,
  ReasonCode.AdministrativeAction,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
])

/** What an attempt has ended with, for the application. */
interface Ending {
  readonly error: ClientError
  /** Not to be tried again, unless somebody says so. */
  readonly isPermanent: boolean
}

/** What follows an attempt that has ended: another one, at once or after a delay, or the end of the client. */
export class Recovery {
  readonly #client: Connector
  readonly #backoff: Backoff
  #lostAt: number
  #wake: (() => void) | undefined

  constructor(client: Connector) {
    this.#client = client
    this.#backoff = new Backoff(client.options)
    this.#lostAt = client.startedAt
  }

  /** Resolves when it is time for the next attempt, or when the client has stopped. */
  async after(attempt: Attempt, end: End): Promise<void> {
    const ending = endingOf(end, this.#isFirst)
    attempt.authenticator?.closed(ending.error)
    if (!(await this.#fallBack(ending))) await this.#pause(ending)
  }

  /** The next attempt begins now, as when the network has come back. */
  wake(): void {
    this.#wake?.()
  }

  /** Whether there was no connection before. */
  get #isFirst(): boolean {
    const { connectedAt, hadSession, session } = this.#client
    return session.counts.reconnects === 0 && connectedAt === undefined && !hadSession
  }

  /** Whether to come again with 3.1.1, at once. */
  async #fallBack({ error }: Ending): Promise<boolean> {
    const client = this.#client
    const { version = 'auto' } = client.options
    const mayFall = version === 'auto' && client.connectedAt === undefined
    const isTooNew = error.reasonCode === ReasonCode.UnsupportedProtocolVersion
    if (client.older !== undefined || !mayFall || !isTooNew) return false
    return await client.takeOlderVersion().then(
      () => true,
      () => false, // a page could not load it
    )
  }

  /** Waits for the next attempt, or stops. */
  async #pause(ending: Ending): Promise<void> {
    const client = this.#client
    const now = client.clock.now()
    if (client.connectedAt !== undefined) {
      this.#backoff.lasted(now - client.connectedAt)
      this.#lostAt = now
    }
    client.connectedAt = undefined
    const stopsWith = this.#reasonToStop(ending, now)
    if (stopsWith !== undefined) {
      client.lost(ending.error, undefined)
      return client.stop(stopsWith)
    }
    const ms = this.#backoff.next()
    client.lost(ending.error, ms)
    await this.#sleep(ms)
  }

  #reasonToStop({ error, isPermanent }: Ending, now: number): ClientError | undefined {
    const { options, target } = this.#client
    const { reconnect = {} } = options
    const { reasonCode } = error
    const follows = this.#follow(error)
    if (follows !== undefined) return follows ? undefined : error
    if (isLink(target) || reconnect === false) return error
    const isRetried = reasonCode !== undefined && reconnect.retryOn?.(reasonCode) === true
    if (isPermanent && !isRetried) return error
    if (now - this.#lostAt < (reconnect.giveUpAfterMs ?? Number.POSITIVE_INFINITY)) return undefined
    return new ClientError('gave-up', 'no connection for too long', { cause: error })
  }

  /** Undefined where the server has not sent us away, else whether the application follows. */
  #follow(error: ClientError): boolean | undefined {
    const { options } = this.#client
    const { reasonCode } = error
    if (reasonCode !== ReasonCode.UseAnotherServer && reasonCode !== ReasonCode.ServerMoved) {
      return undefined
    }
    const serverReference =
      error instanceof MqttConnectError ? error.properties.serverReference : undefined
    const url = options.onRedirect?.({ reasonCode, serverReference })
    if (url !== undefined) this.#client.target = url
    return url !== undefined
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#client
    const over = deferred<void>()
    const timer = clock.set(() => over.resolve(), ms)
    const forgetNetwork = watchNetwork(() => over.resolve())
    this.#wake = () => over.resolve()
    await over.promise
    this.#wake = undefined
    forgetNetwork()
    clock.clear(timer)
  }
}

function endingOf(end: End, isFirst: boolean): Ending {
  if ('refusal' in end) return refused(end.refusal, end.reasonCode, isFirst)
  return 'disconnect' in end ? dismissed(end.disconnect) : failed(end.error, isFirst)
}

/** The server is there and says no. A server that is not ready counts as gone for the first time. */
function refused({ properties }: Connack, reasonCode: number, isFirst: boolean): Ending {
  const isUnavailable = reasonCode === ReasonCode.ServerUnavailable
  const isPermanent = permanentRefusals.has(reasonCode) || (isUnavailable && isFirst)
  const text = `the server refuses the connection: ${nameOfReasonCode(reasonCode)}`
  return { error: connectError(text, properties, reasonCode), isPermanent }
}

function dismissed({ reasonCode, properties }: Disconnect): Ending {
  const text = `the server ends the connection: ${nameOf(reasonCode)}`
  const { reasonString } = properties
  const isPermanent = terminalDisconnects.has(reasonCode)
  const error = isPermanent
    ? connectError(text, properties, reasonCode)
    : new ClientError('transport-failed', text, { reasonCode, reasonString })
  return { error, isPermanent }
}

/** The network, our own deadline and faults of the server are worth another attempt, wrong options are not. */
function failed(error: unknown, isFirst: boolean): Ending {
  if (error instanceof ClientError) {
    // A server that was trusted before gets a new certificate, or is another one only for a while.
    const isPassing = error.code === 'invalid-certificate' && !isFirst
    const isPermanent = /^(invalid|authentication|packet)-/.test(error.code) && !isPassing
    return { error, isPermanent }
  }
  if (error instanceof ProtocolError) {
    const { message, reasonCode } = error
    const fault = new ClientError('protocol-error', message, { cause: error, reasonCode })
    return { error: fault, isPermanent: false }
  }
  const isOurs = error instanceof RangeError
  const text = error instanceof Error ? error.message : String(error)
  const code = isOurs ? 'invalid-argument' : 'transport-failed'
  return { error: new ClientError(code, text, { cause: error }), isPermanent: isOurs }
}

function connectError(
  text: string,
  properties: Pick<ConnackProperties, 'reasonString'>,
  reasonCode: number,
): MqttConnectError {
  const { reasonString } = properties
  return new MqttConnectError(text, properties, { reasonCode, reasonString })
}

/** 0x00 is Success elsewhere. */
function nameOf(reasonCode: number): string {
  return reasonCode === 0 ? 'Normal disconnection' : nameOfReasonCode(reasonCode)
}
