import type { Clock } from '../clock.ts'
import { Deadline, type Deadlines } from '../deadlines.ts'
import type { Hook, HookPoint } from './hook.ts'
import type { HookHealth } from './hook-health.ts'

/** What chains of hooks share. */
export interface ChainContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
  readonly health: HookHealth
  readonly timeoutMs: number
}

/** One question to all hooks of one place. */
export interface Chain<Answer> {
  readonly point: HookPoint
  readonly hooks: readonly Hook[]
  /** Calls the hook. */
  ask(hook: Hook): Answer | undefined | Promise<Answer | undefined>
  /** Takes an answer in; true when it ends the matter. A throw is the hook's failure. */
  take(answer: Answer): boolean
  /** Called once: at once when every hook answered at once. `hasFailed`: one threw or was too slow. */
  done(hasFailed: boolean): void
}

/**
 * Asks hooks one after the other, without a promise while they answer at once. The answer of one that
 * took too long is not waited for any more.
 */
export function runChain<Answer>(context: ChainContext, chain: Chain<Answer>): void {
  askFrom(context, chain, 0)
}

function askFrom<Answer>(context: ChainContext, chain: Chain<Answer>, first: number): void {
  const { hooks, point } = chain
  for (let at = first; at < hooks.length; at++) {
    const hook = hooks[at] as Hook
    const startedAt = context.clock.now()
    let isOver: boolean
    try {
      const answer = chain.ask(hook)
      if (answer instanceof Promise) return waitFor(context, chain, { hook, at, answer })
      isOver = isPassedOn(answer) ? false : chain.take(answer)
    } catch (error) {
      context.health.failed(hook.name, point, error)
      return chain.done(true)
    }
    // It has held everybody up; its answer counts all the same.
    const ms = context.clock.now() - startedAt
    if (ms > context.timeoutMs) context.health.timedOut(hook.name, point, ms)
    if (isOver) break
  }
  chain.done(false)
}

function isPassedOn<Answer>(answer: Answer | undefined): answer is undefined {
  return answer === undefined
}

function waitFor<Answer>(
  context: ChainContext,
  chain: Chain<Answer>,
  asked: { hook: Hook; at: number; answer: Promise<Answer | undefined> },
): void {
  const { clock, deadlines, health, timeoutMs } = context
  const { hook, at, answer } = asked
  let isSettled = false
  const settle = (work: () => void) => {
    if (isSettled) return
    isSettled = true
    deadlines.clear(limit)
    work()
  }
  const limit = new Deadline(() =>
    settle(() => {
      health.timedOut(hook.name, chain.point, timeoutMs)
      chain.done(true)
    }),
  )
  deadlines.set(limit, clock.now() + timeoutMs)
  const fail = (error: unknown) => {
    health.failed(hook.name, chain.point, error)
    chain.done(true)
  }
  const goOn = (given: Answer | undefined) => {
    let isOver: boolean
    try {
      isOver = isPassedOn(given) ? false : chain.take(given)
    } catch (error) {
      return fail(error)
    }
    if (isOver) chain.done(false)
    else askFrom(context, chain, at + 1)
  }
  answer.then(
    (given) => settle(() => goOn(given)),
    (error: unknown) => settle(() => fail(error)),
  )
}
