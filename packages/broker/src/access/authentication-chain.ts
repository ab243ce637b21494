import { ReasonCode } from '@busbar/protocol'
import type { AttemptGuard } from './attempt-guard.ts'
import type {
  Attempt,
  Authentication,
  Authenticator,
  Credentials,
  Refused,
} from './authenticator.ts'
import { preparedName } from './sasl-prep.ts'

const wrong: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.BadUserNameOrPassword,
  reason: 'wrong user name or password',
}

const anonymousRefused: Refused = {
  outcome: 'refused',
  reasonCode: ReasonCode.NotAuthorized, // nothing was wrong, nothing was given: table 3-1
  reason: 'a user name is needed',
}

/** Asks one after the other; the first that decides has decided. */
export class AuthenticationChain implements Authenticator {
  readonly #links: readonly Authenticator[]

  constructor(links: readonly Authenticator[]) {
    this.#links = links
  }

  authenticate(
    credentials: Credentials,
    attempt: Attempt,
  ): Authentication | Promise<Authentication> {
    return this.#ask(0, credentials, attempt)
  }

  #ask(
    index: number,
    credentials: Credentials,
    attempt: Attempt,
  ): Authentication | Promise<Authentication> {
    const link = this.#links[index]
    if (link === undefined) return { outcome: 'passed-on' }
    const goOn = (answer: Authentication) =>
      checked(answer).outcome === 'passed-on' ? this.#ask(index + 1, credentials, attempt) : answer
    const answer = link.authenticate(credentials, attempt)
    // At once where possible: ten thousand remembered passwords need no turn each.
    return isLater(answer) ? Promise.resolve(answer).then(goOn) : goOn(answer)
  }
}

function isLater<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
  return typeof (answer as Partial<PromiseLike<T>> | undefined)?.then === 'function'
}

/** An authenticator may be somebody else's JavaScript: what is no answer lets nobody in. */
function checked(answer: Authentication): Authentication {
  const outcome: unknown = answer?.outcome
  if (outcome === 'accepted' || outcome === 'refused' || outcome === 'passed-on') return answer
  throw new TypeError('an authenticator gave no answer')
}

/** The end of the chain, where nobody has decided. */
export function lastLink(options: {
  readonly allowAnonymous: boolean
  /** Whoever gave a name that nobody knows. */
  readonly refuseUnknown?: Authenticator['authenticate'] | undefined
}): Authenticator {
  const { allowAnonymous, refuseUnknown } = options
  return {
    authenticate: (credentials, attempt) => {
      if (credentials.username !== undefined) return refuseUnknown?.(credentials, attempt) ?? wrong
      return allowAnonymous ? { outcome: 'accepted', user: undefined } : anonymousRefused
    },
  }
}

/** An authenticator at which passwords can be guessed, with a guard before it. */
export function guarded(link: Authenticator, guard: AttemptGuard): Authenticator {
  return {
    authenticate: (credentials, attempt) => {
      const { username, address } = credentials
      if (username === undefined) return link.authenticate(credentials, attempt)
      const name = preparedName(username)
      const refusal = guard.refusal(address, name)
      if (refusal !== undefined) return refusal
      const judge = (answer: Authentication): Authentication => {
        if (isWrongPassword(answer)) guard.failed(address, name)
        if (answer.outcome === 'accepted') guard.succeeded(address, name)
        return answer
      }
      const watched: Attempt = {
        // Others for the same user may have failed while this one waited.
        get isOver() {
          return attempt.isOver || guard.refusal(address, name) !== undefined
        },
      }
      const answer = link.authenticate(credentials, watched)
      return isLater(answer) ? Promise.resolve(answer).then(judge) : judge(answer)
    },
  }
}

function isWrongPassword(answer: Authentication): boolean {
  return answer.outcome === 'refused' && answer.reasonCode === ReasonCode.BadUserNameOrPassword
}
