import { ClientError } from '../errors.ts'
import type { Parts } from '../platform/parts.ts'

export const parts: Parts = {
  authenticator: () => loaded(import('../authenticator.ts')),
  batches: () => loaded(import('../batches.ts')),
  earlierSession: () => loaded(import('../earlier-session.ts')),
  link: () => loaded(import('../transport/link.ts')),
  olderVersion: () => loaded(import('../older-version.ts')),
  requests: () => loaded(import('../requests.ts')),
  upkeep: () => loaded(import('../upkeep.ts')),
}

/** One error for whatever keeps it from us; the next use of it tries again. */
async function loaded<T>(part: Promise<T>): Promise<T> {
  try {
    return await part
  } catch (cause) {
    throw new ClientError('transport-failed', 'a part of the client cannot be loaded', { cause })
  }
}
