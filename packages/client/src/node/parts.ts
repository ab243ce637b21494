import * as authenticator from '../authenticator.ts'
import * as batches from '../batches.ts'
import * as earlierSession from '../earlier-session.ts'
import * as olderVersion from '../older-version.ts'
import type { Parts } from '../platform/parts.ts'
import * as requests from '../requests.ts'
import * as link from '../transport/link.ts'
import * as upkeep from '../upkeep.ts'

export const parts: Parts = {
  authenticator: () => Promise.resolve(authenticator),
  batches: () => Promise.resolve(batches),
  earlierSession: () => Promise.resolve(earlierSession),
  link: () => Promise.resolve(link),
  olderVersion: () => Promise.resolve(olderVersion),
  requests: () => Promise.resolve(requests),
  upkeep: () => Promise.resolve(upkeep),
}
