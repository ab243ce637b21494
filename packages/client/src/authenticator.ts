import {
  type AuthProperties,
  type PacketReader,
  protocolError,
  ReasonCode,
  readServerAuth,
  writeAuth,
} from '@busbar/protocol'
import type { Connection } from './connection.ts'
import type { ClientState } from './connector.ts'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import { tooLarge } from './limits.ts'
import type { Authentication, AuthenticationExchange } from './options.ts'

/** What it asks of the attempt that it is part of. */
export interface AuthenticatorOwner {
  readonly connection: Connection | undefined
  /** The server has not proved itself, and is told that it is over. */
  fail(error: ClientError, reasonCode: number): void
}

/** Enhanced authentication on one Network Connection, from the client's side (section 4.12). */
export class Authenticator {
  readonly #authentication: Authentication
  readonly #owner: AuthenticatorOwner
  #exchange: AuthenticationExchange | undefined
  #again: Deferred<void> | undefined

  constructor(authentication: Authentication, owner: AuthenticatorOwner) {
    this.#authentication = authentication
    this.#owner = owner
  }

  /** What goes into CONNECT. */
  async begin(): Promise<AuthProperties> {
    this.#exchange = this.#authentication.start()
    return withData(this.#authentication.method, await this.#exchange.first())
  }

  /** CONNACK has come; rejects when the server has not proved itself. */
  async accepted(properties: AuthProperties): Promise<void> {
    this.#checkMethod(properties)
    const exchange = this.#exchange
    this.#exchange = undefined
    if (exchange === undefined) return
    try {
      await exchange.finish(properties.authenticationData)
    } catch (cause) {
      throw failure(cause)
    }
  }

  /** Authenticates again while connected; resolves when the server has agreed. */
  async again(): Promise<void> {
    const authentication = this.#authentication
    if (this.#exchange !== undefined) {
      throw new ClientError('invalid-argument', 'authentication is under way')
    }
    const again = deferred<void>()
    this.#again = again
    this.#exchange = authentication.start()
    const properties = withData(authentication.method, await this.#exchange.first())
    this.#send(ReasonCode.ReAuthenticate, properties)
    await again.promise
  }

  /** AUTH has come. Throws a ProtocolError for one that is out of turn. */
  receive(body: PacketReader): void {
    const { reasonCode, properties } = readServerAuth(body)
    const exchange = this.#exchange
    if (exchange === undefined) throw protocolError('AUTH comes unasked', 'MQTT5-4.12.0-6')
    this.#checkMethod(properties)
    const data = properties.authenticationData
    if (reasonCode === ReasonCode.ContinueAuthentication) void this.#answer(exchange, data)
    else void this.#conclude(exchange, data)
  }

  /** The Network Connection has ended. */
  closed(error: ClientError): void {
    this.#exchange = undefined
    this.#again?.reject(error)
    this.#again = undefined
  }

  async #answer(exchange: AuthenticationExchange, data: Uint8Array | undefined): Promise<void> {
    try {
      const answer = withData(this.#authentication.method, await exchange.next(data))
      if (exchange !== this.#exchange) return
      this.#send(ReasonCode.ContinueAuthentication, answer) // [MQTT5-4.12.0-3]
    } catch (cause) {
      this.#fail(failure(cause))
    }
  }

  #send(reasonCode: number, properties: AuthProperties): void {
    const isSent = this.#owner.connection?.write(
      { type: 'auth', reasonCode, properties },
      writeAuth,
    )
    if (isSent === false) this.#fail(tooLarge('AUTH'))
  }

  #fail(error: ClientError): void {
    this.#owner.fail(error, ReasonCode.UnspecifiedError)
  }

  #checkMethod({ authenticationMethod }: AuthProperties): void {
    if (authenticationMethod === this.#authentication.method) return
    throw protocolError('the server names another Authentication Method', 'MQTT5-4.12.0-5')
  }

  async #conclude(exchange: AuthenticationExchange, data: Uint8Array | undefined): Promise<void> {
    if (this.#again === undefined) {
      return this.#fail(failure('AUTH with Success before CONNACK'))
    }
    try {
      await exchange.finish(data)
      this.#exchange = undefined
      this.#again?.resolve()
      this.#again = undefined
    } catch (cause) {
      this.#fail(failure(cause))
    }
  }
}

function withData(method: string, data: Uint8Array | undefined): AuthProperties {
  return {
    authenticationMethod: method,
    ...(data !== undefined && { authenticationData: data }),
  }
}

function failure(cause: unknown): ClientError {
  return new ClientError('authentication-failed', 'the server has not proved itself', { cause })
}

/** `Client.reauthenticate`. */
export async function reauthenticate(
  authenticator: Authenticator | undefined,
  state: ClientState,
): Promise<void> {
  if (state !== 'connected') throw new ClientError('offline', 'there is no connection')
  if (authenticator !== undefined) return await authenticator.again()
  throw new ClientError('invalid-argument', 'there is no method to authenticate again with')
}
