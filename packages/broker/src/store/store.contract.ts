import { describe } from 'node:test'
import { commits } from './store-commits.contract.ts'
import { messages } from './store-messages.contract.ts'
import { queues } from './store-queues.contract.ts'
import { identifiers, sessions } from './store-sessions.contract.ts'
import type { Create } from './store-under-contract.contract.ts'

/** The suite that defines `Store`: every engine passes it. */
export function storeContract(name: string, create: Create): void {
  describe(`store contract: ${name}`, { concurrency: 4 }, () => {
    commits(create)
    sessions(create)
    queues(create)
    messages(create)
    identifiers(create)
  })
}
