import { type Auth, type Connect, ProtocolError, protocolError, ReasonCode } from '@busbar/protocol'
import type {
  Accepted,
  Authentication as AnyAnswer,
  Attempt,
  Credentials,
  Exchange,
  ExchangeStep,
  Identity,
  Refused,
} from './access/authenticator.ts'
import { withdrawSubscriptions } from './access-change.ts'
import type { Connection } from './connection.ts'
import { Deadline } from './deadlines.ts'

type Answer = Accepted | Refused

/** Called once with what came of it; `data` goes into CONNACK. */
type Answered = (answer: Answer, data: Uint8Array | undefined) => void

const failed: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.ServerUnavailable,
  reason: 'authentication is not possible now',
}

/** Nobody has decided, which lets nobody in. */
const undecided: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.NotAuthorized,
  reason: 'not authorized',
}

/** AUTH without Authentication Method in CONNECT. */
export function unaskedAuth(): never {
  throw protocolError('AUTH without Authentication Method in CONNECT', 'MQTT5-4.12.0-7')
}

/** The client that waits for an answer. */
class Waiting implements Attempt {
  readonly #connection: Connection

  constructor(connection: Connection) {
    this.#connection = connection
  }

  get isOver(): boolean {
    return this.#connection.state === 'ended'
  }
}

/** Who the client of one Network Connection is: by user name and password, or section 4.12. */
export class Authentication {
  readonly #connection: Connection
  #method: string | undefined
  #credentials: Credentials | undefined
  #identity: Identity | undefined
  /** Closes the connection when the identity ends; few do. */
  #expiry: Deadline | undefined
  #exchange: Exchange | undefined
  #answered: Answered | undefined
  /** The method is thinking: no AUTH may come now. */
  #isBusy = false

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Whom the client was let in as. */
  get user(): string | undefined {
    return this.#identity?.user
  }

  /** Nothing is under way, nothing can begin anew, and the identity does not end before the connection. */
  get isOver(): boolean {
    const isDone = this.#method === undefined && this.#answered === undefined && !this.#isBusy
    return isDone && this.#expiry === undefined && this.#identity?.ended === undefined
  }

  /** Starts with CONNECT. */
  begin(connect: Connect, answered: Answered): void {
    const { core, transport } = this.#connection
    const { clientIdentifier, username, password, protocolVersion } = connect
    const { address, certificate } = transport
    const connected = { protocolVersion, address, certificate }
    const credentials = { clientIdentifier, username, password, ...connected }
    const { authenticationMethod, authenticationData } = connect.properties
    // Named first: V8 makes a function that is assigned to a property old at once, and it would keep
    // the connection, long gone, until a full collection.
    const settled: Answered = (answer, data) => {
      this.#exchange = undefined
      this.#answered = undefined // it holds all of CONNECT
      if (answer.outcome === 'accepted') this.#keep(answer)
      else this.#count(answer)
      answered(answer, data)
    }
    this.#answered = settled
    if (authenticationMethod === undefined) {
      return this.#settle<AnyAnswer>(
        () => core.authenticator.authenticate(credentials, new Waiting(this.#connection)),
        (answer) =>
          this.#answered?.(answer.outcome === 'passed-on' ? undecided : answer, undefined),
        failed,
      )
    }
    const method = core.methods.find(({ name }) => name === authenticationMethod)
    if (method === undefined) {
      const message = 'Authentication Method is not known'
      throw new ProtocolError(ReasonCode.BadAuthenticationMethod, message, 'MQTT5-4.12.0-1')
    }
    this.#method = authenticationMethod
    this.#credentials = credentials // for AUTH after CONNACK
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
    const settled: Answered = (answer, data) => {
      this.#exchange = undefined
      if (answer.outcome === 'accepted' && answer.user === this.#identity?.user) {
        this.#keep(answer)
        this.#takeEffect(answer)
        this.#sendAuth(ReasonCode.Success, data)
      } else if (answer.outcome === 'accepted') {
        answer.ended?.()
        this.#connection.disconnect(ReasonCode.NotAuthorized, 're-authenticated as another user')
      } else this.#connection.disconnect(answer.reasonCode, answer.reason) // [MQTT5-4.12.1-2]
    }
    this.#answered = settled
  }

  #checkMethod(auth: Auth): void {
    if (this.#method === undefined) unaskedAuth()
    if (auth.properties.authenticationMethod === this.#method) return
    const message = 'Authentication Method differs from that of CONNECT'
    throw new ProtocolError(ReasonCode.BadAuthenticationMethod, message, 'MQTT5-4.12.0-5')
  }

  #step(data: Uint8Array | undefined): void {
    this.#settle<ExchangeStep>(
      () => (this.#exchange as Exchange).next(data),
      (step) => {
        if (step.outcome === 'accepted') return this.#answered?.(step, step.data)
        if (step.outcome === 'refused') return this.#answered?.(step, undefined)
        this.#sendAuth(ReasonCode.ContinueAuthentication, step.data) // [MQTT5-4.12.0-2]
        this.#connection.release()
      },
      failed,
    )
  }

  #count({ reasonCode }: Refused): void {
    const { statistics } = this.#connection.core
    if (reasonCode === ReasonCode.ConnectionRateExceeded) statistics.authenticationsDelayed++
    else statistics.authenticationsRefused++
  }

  #keep(identity: Identity): void {
    const earlier = this.#identity
    this.#identity = identity
    earlier?.ended?.()
    const { clock, deadlines } = this.#connection.core
    const { expiresAt = Number.POSITIVE_INFINITY } = identity
    if (expiresAt !== Number.POSITIVE_INFINITY) this.#expiry ??= new Deadline(() => this.#expired())
    if (this.#expiry === undefined) return
    deadlines.set(this.#expiry, clock.now() + (expiresAt - clock.wallNow()))
  }

  /** Rights may have changed with the new authentication. */
  #takeEffect({ groups = [], variables = new Map() }: Identity): void {
    const { session } = this.#connection
    if (session === undefined) return
    session.groups = groups
    session.variables = variables
    withdrawSubscriptions(this.#connection.core, session)
  }

  #expired(): void {
    const { MaximumConnectTime } = ReasonCode
    this.#connection.disconnect(MaximumConnectTime, 'the identity of the client has expired')
  }

  /** The Network Connection has ended. */
  ended(): void {
    if (this.#expiry !== undefined) this.#connection.core.deadlines.clear(this.#expiry)
    this.#identity?.ended?.()
    this.#identity = undefined
  }

  #sendAuth(reasonCode: number, authenticationData: Uint8Array | undefined): void {
    const properties = {
      authenticationMethod: this.#method as string,
      ...(authenticationData === undefined ? {} : { authenticationData }),
    }
    this.#connection.send({ type: 'auth', reasonCode, properties })
  }

  /** Goes on with the answer, at once or later; whatever fails, fails closed. */
  #settle<T extends AnyAnswer | ExchangeStep>(
    ask: () => T | Promise<T>,
    done: (answer: T) => void,
    fallback: T,
  ): void {
    const finish = (answer: T) => {
      this.#isBusy = false
      if (this.#connection.state !== 'ended') this.#connection.guard(() => done(answer))
      else if (answer.outcome === 'accepted') answer.ended?.()
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
