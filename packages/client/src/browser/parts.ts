import type { Parts } from '../platform/parts.ts'

export const parts: Parts = {
  authenticator: () => import('../authenticator.ts'),
  journal: () => import('../journal.ts'),
  link: () => import('../transport/link.ts'),
  publishAll: () => import('../publish-all.ts'),
  requests: () => import('../requests.ts'),
}
