import { type Auth, type Connect, ProtocolError, protocolError, ReasonCode } from '@busbar/protocol'
import type {
  Authentication as Answer,
  Credentials,
  Exchange,
  ExchangeStep,
} from './access/authenticator.ts'
import type { Connection } from './connection.ts'

/** Called once with what came of it; `data` goes into CONNACK. */
type Answered = (answer: Answer, data: Uint8Array | undefined) => void

const failed: Answer = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerUnavailable,
  reason: 'authentication is not possible now',
}

/** Who the client of one Network Connection is: by user name and password, or section 4.12. */
export class Authentication {
  readonly #connection: Connection
  #method: string | undefined
  #credentials: Credentials | undefined
  #user: string | undefined
  #exchange: Exchange | undefined
  #answered: Answered | undefined
  /** The method is thinking: no AUTH may come now. */
  #isBusy = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Starts with CONNECT. */
  begin(connect: Connect, answered: Answered): void {
    const { core, transport } = this.#connection
    const { clientIdentifier, username, password, protocolVersion } = connect
    const { address } = transport
    const credentials = { clientIdentifier, username, password, protocolVersion, address }
    const { authenticationMethod, authenticationData } = connect.properties
    this.#credentials = credentials
    this.#answered = (answer, data) => {
      this.#exchange = undefined
      if (answer.outcome === 'accepted') this.#user = answer.user
      answered(answer, data)
    }
    if (authenticationMethod === undefined) {
      const done = (answer: Answer) => this.#answered?.(answer, undefined)
      return this.#settle(() => core.authenticator.authenticate(credentials), done, failed)
    }
    const method = core.methods.find(({ name }) => name === authenticationMethod)
    if (method === undefined) {
      const message = 'Authentication Method is not known'
      throw new ProtocolError(ReasonCode.BadAuthenticationMethod, message, 'MQTT5-4.12.0-1')
    }
    this.#method = authenticationMethod
    this.#exchange = method.start(credentials)
    this.#step(authenticationData)
  }

  /** AUTH before CONNACK: the next step of the exchange. */
  proceed(auth: Auth): void {
    if (this.#exchange === undefined || this.#isBusy) {
      throw protocolError('AUTH came unasked', 'MQTT5-4.12.0-7')
    }
    this.#checkMethod(auth)
    if (auth.reasonCode !== ReasonCode.ContinueAuthentication) {
      throw protocolError('AUTH does not continue the authentication', 'MQTT5-4.12.0-3')
    }
    this.#connection.hold()
    this.#step(auth.properties.authenticationData?.slice())
  }

  /** AUTH after CONNACK: re-authentication, while all else goes on (U5-4.12-a). */
  again(auth: Auth): void {
    this.#checkMethod(auth)
    if (this.#isBusy) throw protocolError('AUTH came before the last one was answered')
    if (auth.reasonCode === ReasonCode.ReAuthenticate) this.#startAgain()
    else if (this.#exchange === undefined) {
      throw protocolError('AUTH came unasked', 'MQTT5-4.12.1-1')
    }
    this.#step(auth.properties.authenticationData?.slice())
  }

  #startAgain(): void {
    if (this.#exchange !== undefined) throw protocolError('re-authentication is under way')
    const method = this.#connection.core.methods.find(({ name }) => name === this.#method)
    if (method === undefined || this.#credentials === undefined) throw protocolError('no method')
    this.#exchange = method.start(this.#credentials)
    this.#answered = (answer, data) => {
      this.#exchange = undefined
      if (answer.outcome === 'accepted' && answer.user === this.#user) {
        this.#sendAuth(ReasonCode.Success, data)
      } else if (answer.outcome === 'accepted') {
        this.#connection.disconnect(ReasonCode.NotAuthorized, 're-authenticated as another user')
      } else this.#connection.disconnect(answer.reasonCode, answer.reason) // [MQTT5-4.12.1-2]
    }
  }

  #checkMethod(auth: Auth): void {
    if (this.#method === undefined) {
      throw protocolError('AUTH without Authentication Method in CONNECT', 'MQTT5-4.12.0-7')
    }
    if (auth.properties.authenticationMethod === this.#method) return
    const message = 'Authentication Method differs from that of CONNECT'
    throw new ProtocolError(ReasonCode.BadAuthenticationMethod, message, 'MQTT5-4.12.0-5')
  }

  #step(data: Uint8Array | undefined): void {
    const { reasonCode, reason } = failed as Extract<Answer, { outcome: 'refused' }>
    this.#settle<ExchangeStep>(
      () => (this.#exchange as Exchange).next(data),
      (step) => {
        if (step.outcome === 'accepted') return this.#answered?.(step, step.data)
        if (step.outcome === 'refused') return this.#answered?.(step, undefined)
        this.#sendAuth(ReasonCode.ContinueAuthentication, step.data) // [MQTT5-4.12.0-2]
        this.#connection.release()
      },
      { outcome: 'refused', reasonCode, reason },
    )
  }

  #sendAuth(reasonCode: number, authenticationData: Uint8Array | undefined): void {
    const properties = {
      authenticationMethod: this.#method as string,
      ...(authenticationData === undefined ? {} : { authenticationData }),
    }
    this.#connection.send({ type: 'auth', reasonCode, properties })
  }

  /** Goes on with the answer, at once or later; whatever fails, fails closed. */
  #settle<T>(ask: () => T | Promise<T>, done: (answer: T) => void, fallback: T): void {
    const finish = (answer: T) => {
      this.#isBusy = false
      if (this.#connection.state !== 'ended') this.#connection.guard(() => done(answer))
    }
    const broken = (error: unknown) => {
      this.#connection.core.log.error('authentication failed', { error })
      finish(fallback)
    }
    this.#isBusy = true
    let answer: T | Promise<T>
    try {
      answer = ask()
    } catch (error) {
      return broken(error)
    }
    if (answer instanceof Promise) answer.then(finish, broken)
    else finish(answer)
  }
}
