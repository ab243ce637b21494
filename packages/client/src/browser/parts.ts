import type { Parts } from '../platform/parts.ts'

export const parts: Parts = {
  authenticator: () => import('../authenticator.ts'),
  batches: () => import('../batches.ts'),
  earlierSession: () => import('../earlier-session.ts'),
  link: () => import('../transport/link.ts'),
  olderVersion: () => import('../older-version.ts'),
  publishAll: () => import('../publish-all.ts'),
  requests: () => import('../requests.ts'),
}
