import type { Case, Suite } from '../case.ts'
import { authentication } from './authentication.ts'
import { connect } from './connect.ts'
import { disconnect } from './disconnect.ts'
import { flow } from './flow.ts'
import { frame } from './frame.ts'
import { limits } from './limits.ts'
import { publish } from './publish.ts'
import { retained } from './retained.ts'
import { session } from './session.ts'
import { shared } from './shared.ts'
import { subscribe } from './subscribe.ts'
import { topics } from './topics.ts'
import { websocket } from './websocket.ts'
import { will } from './will.ts'

/** All cases, in the order of the standard. */
export const suites: readonly Suite[] = [
  frame,
  connect,
  will,
  session,
  publish,
  retained,
  subscribe,
  shared,
  topics,
  flow,
  limits,
  disconnect,
  authentication,
  websocket,
]

export const cases: readonly Case[] = suites.flatMap((each) => each.cases)
