import type { Change, Core, Recovered, Store } from '@busbar/broker/testing'
import type { Rule } from '../model/violation.ts'
import type { Mutation } from './process.ts'

type Committed = Parameters<Store['commit']>[2]

/** A store whose calls go through the functions given. */
function wrapped(
  store: Store,
  {
    changes = (batch) => batch,
    commit = (batch, level, committed) => store.commit(batch, level, committed),
    open = () => store.open(),
  }: {
    changes?: (batch: readonly Change[]) => readonly Change[]
    commit?: Store['commit']
    open?: () => Promise<Recovered>
  },
): Store {
  return {
    level: store.level,
    open,
    commit: (batch, level, committed) => commit(changes(batch), level, committed),
    readQueue: (...call) => store.readQueue(...call),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

function without(kind: Change['kind']): Mutation {
  return {
    store: (store) =>
      wrapped(store, { changes: (batch) => batch.filter((change) => change.kind !== kind) }),
  }
}

/** Everything is reported at once, and stored later. */
const acknowledgeBeforeStore: Mutation = {
  store: (store) =>
    wrapped(store, {
      commit: (batch, level, committed: Committed) => {
        store.commit(batch, level, () => {})
        committed()
      },
    }),
}

const forgetSharedSubscriptions: Mutation = {
  store: (store) =>
    wrapped(store, {
      open: async () => {
        const recovered = await store.open()
        const sessions = recovered.sessions.map((session) => ({
          ...session,
          subscriptions: session.subscriptions.filter(({ text }) => !text.startsWith('$share/')),
        }))
        return { ...recovered, sessions }
      },
    }),
}

const publish = 3
const dupFlag = 0b1000

/** The broker's writes are whole packets. */
function stripDup(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  for (let at = 0; at < copy.length; ) {
    const first = copy[at] as number
    if (first >> 4 === publish) copy[at] = first & ~dupFlag
    let length = 0
    let shift = 0
    for (let more = true; more; shift += 7) {
      const byte = copy[++at] as number
      length |= (byte & 0x7f) << shift
      more = byte >= 0x80
    }
    at += 1 + length
  }
  return copy
}

/** What `deliver` and `pump` of a Session ask the journal for is answered at once. */
function releaseAtOnce({ sessions, journal }: Core): void {
  const { whenCommitted } = journal
  let isSending = false
  journal.whenCommitted = (done) => {
    if (isSending) done()
    else whenCommitted.call(journal, done)
  }
  const { begin } = sessions
  sessions.begin = (identity) => {
    const session = begin.call(sessions, identity)
    const { sender } = session
    const { deliver, pump } = sender
    const sending = <T>(work: () => T): T => {
      const before = isSending
      isSending = true
      try {
        return work()
      } finally {
        isSending = before
      }
    }
    sender.deliver = (delivery) => sending(() => deliver.call(sender, delivery))
    sender.pump = () => sending(() => pump.call(sender))
    return session
  }
}

/** DISCONNECT does not drop the Will; publishing it does. */
function keepWills({ wills }: Core): void {
  const { cancel, publish: publishWill } = wills
  wills.cancel = () => {}
  wills.publish = (session) => {
    publishWill.call(wills, session)
    cancel.call(wills, session)
  }
}

/** Pages of a queue come backwards. */
function shuffled(store: Store): Store {
  return {
    ...wrapped(store, {}),
    readQueue: (client, after, limit, page) =>
      store.readQueue(client, after, limit, (entries, error) => page(entries.toReversed(), error)),
  }
}

/** Brokers that break one rule each, made from the outside; and the rule that shows it. */
export const mutants: readonly (readonly [name: string, mutation: Mutation, rule: Rule])[] = [
  ['acknowledges before the store', acknowledgeBeforeStore, 'I1'],
  ['forgets which QoS 2 identifiers it has received', without('received'), 'I2'],
  ['forgets that PUBREC has come', without('released'), 'I2'],
  ['forgets which identifiers it has sent', without('sent'), 'I2'],
  ['forgets subscriptions', without('subscription'), 'I1'],
  ['forgets Sessions', without('session'), 'I6'],
  ['forgets what was retained', without('retained'), 'I5'],
  ['undoes deletions of what was retained', without('retained-end'), 'I5'],
  ['undoes the end of Sessions', without('session-end'), 'I6'],
  ['sends again without DUP', { written: stripDup }, 'protocol'],
  ['sends QoS 2 before it is stored', { core: releaseAtOnce }, 'I2'],
  ['forgets Shared Subscriptions at its start', forgetSharedSubscriptions, 'I1'],
  ['publishes the Will of clients that leave in order', { core: keepWills }, 'I8'],
  ["delivers a publisher's messages out of order", { store: shuffled }, 'I3'],
]
