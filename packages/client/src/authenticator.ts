import { type Auth, type AuthProperties, protocolError, ReasonCode } from '@busbar/protocol'
import { type Deferred, deferred } from './deferred.ts'
import { ClientError } from './errors.ts'
import type { Authentication, AuthenticationExchange } from './options.ts'

/** Enhanced authentication on one Network Connection, from the client's side (section 4.12). */
export class Authenticator {
  readonly #authentication: Authentication
  readonly #send: (packet: Auth) => void
  readonly #failed: (error: ClientError) => void
  #exchange: AuthenticationExchange | undefined
  #again: Deferred<void> | undefined

  constructor(
    authentication: Authentication,
    actions: { send(packet: Auth): void; failed(error: ClientError): void },
  ) {
    this.#authentication = authentication
    this.#send = actions.send
    this.#failed = actions.failed
  }

  get method(): string {
    return this.#authentication.method
  }

  /** What goes into CONNECT. */
  async begin(): Promise<AuthProperties> {
    this.#exchange = this.#authentication.start()
    return withData(this.#authentication.method, await this.#exchange.first())
  }

  /** CONNACK has come; rejects when the server has not proved itself. */
  async accepted(properties: AuthProperties): Promise<void> {
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
    this.#send({ type: 'auth', reasonCode: ReasonCode.ReAuthenticate, properties })
    await again.promise
  }

  /** AUTH has come. Throws a ProtocolError for one that is out of turn. */
  receive({ reasonCode, properties }: Auth): void {
    const exchange = this.#exchange
    if (exchange === undefined) throw protocolError('AUTH comes unasked', 'MQTT5-4.12.0-6')
    const { method } = this.#authentication
    if (properties.authenticationMethod !== method) {
      throw protocolError('AUTH names another method', 'MQTT5-4.12.0-5')
    }
    const data = properties.authenticationData
    if (reasonCode === ReasonCode.ContinueAuthentication) void this.#answer(exchange, method, data)
    else void this.#conclude(exchange, data)
  }

  /** The Network Connection has ended. */
  closed(error: ClientError): void {
    this.#exchange = undefined
    this.#again?.reject(error)
    this.#again = undefined
  }

  async #answer(
    exchange: AuthenticationExchange,
    method: string,
    data: Uint8Array | undefined,
  ): Promise<void> {
    try {
      const answer = withData(method, await exchange.next(data))
      if (exchange !== this.#exchange) return
      // [MQTT5-4.12.0-3]
      const reasonCode = ReasonCode.ContinueAuthentication
      this.#send({ type: 'auth', reasonCode, properties: answer })
    } catch (cause) {
      this.#failed(failure(cause))
    }
  }

  async #conclude(exchange: AuthenticationExchange, data: Uint8Array | undefined): Promise<void> {
    if (this.#again === undefined) return this.#failed(failure('AUTH with Success before CONNACK'))
    try {
      await exchange.finish(data)
      this.#exchange = undefined
      this.#again?.resolve()
      this.#again = undefined
    } catch (cause) {
      this.#failed(failure(cause))
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
