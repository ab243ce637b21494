import type { SessionStore, StoreChange, StoredMessage } from './session-store.ts'

/** One thing that every store does; it rejects where the store does not. */
export interface StoreCase {
  readonly name: string
  /** `open` gives a store of the same content each time; one at a time. */
  run(open: () => SessionStore): Promise<void>
}

// Without node:assert and node:test, so that a page can run them too.
function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [shown(actual), shown(expected)]
  if (a !== b) throw new Error(`expected ${b}, got ${a}`)
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (each instanceof Uint8Array) return { bytes: [...each] }
    if (each === null || typeof each !== 'object' || Array.isArray(each)) return each
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

function message(sequence: number, more: Partial<StoredMessage> = {}): StoredMessage {
  return {
    sequence,
    topicName: `a/${sequence}`,
    payload: new Uint8Array([sequence, 0, 255]),
    qos: 1,
    retain: false,
    properties: {},
    expiresAt: undefined,
    state: 'waiting',
    packetIdentifier: 0,
    ...more,
  }
}

const append = (sequence: number, more?: Partial<StoredMessage>): StoreChange => ({
  type: 'append',
  message: message(sequence, more),
})

/** Commits one batch after the other, closes, and gives what a new store loads. */
async function after(open: () => SessionStore, ...batches: readonly (readonly StoreChange[])[]) {
  {
    await using store = open()
    await store.load()
    for (const changes of batches) await store.commit(changes)
  }
  await using store = open()
  return await store.load()
}

async function rejected(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

export const storeCases: readonly StoreCase[] = [
  {
    name: 'is empty at first',
    async run(open) {
      equal(await after(open), { messages: [], held: [] })
    },
  },
  {
    name: 'gives back every field of a message',
    async run(open) {
      const full = message(7, {
        topicName: 'grün/\u{1f50c}',
        payload: Uint8Array.from({ length: 70_000 }, (_, at) => at % 251),
        qos: 2,
        retain: true,
        properties: {
          payloadFormatIndicator: 1,
          messageExpiryInterval: 60,
          responseTopic: 'r',
          correlationData: new Uint8Array([0, 1, 255]),
          userProperties: [
            ['a', 'b'],
            ['a', '"c"'],
          ],
          contentType: 'text/plain',
        },
        expiresAt: 1_800_000_000_000,
        state: 'published',
        packetIdentifier: 65_535,
      })
      const empty = message(8, { payload: new Uint8Array(0) })
      const session = await after(open, [{ type: 'append', message: full }], [append(8, empty)])
      equal(session, { messages: [full, empty], held: [] })
    },
  },
  {
    name: 'keeps a view of larger memory as what is seen of it',
    async run(open) {
      const payload = new Uint8Array(1_000).fill(9).subarray(10, 12)
      const session = await after(open, [append(1, { payload })])
      equal(session.messages, [message(1, { payload: new Uint8Array([9, 9]) })])
    },
  },
  {
    name: 'gives messages in the order of their sequence',
    async run(open) {
      const session = await after(open, [append(300), append(2)], [append(10)])
      equal(
        session.messages.map(({ sequence }) => sequence),
        [2, 10, 300],
      )
    },
  },
  {
    name: 'changes and removes messages',
    async run(open) {
      const session = await after(
        open,
        [append(1), append(2), append(3)],
        [
          { type: 'update', sequence: 1, state: 'published', packetIdentifier: 5 },
          { type: 'remove', sequence: 2 },
        ],
        [{ type: 'update', sequence: 1, state: 'released', packetIdentifier: 6 }],
      )
      equal(session.messages, [message(1, { state: 'released', packetIdentifier: 6 }), message(3)])
    },
  },
  {
    name: 'applies the changes of a batch in their order',
    async run(open) {
      const remove = { type: 'remove', sequence: 1 } as const
      const update = {
        type: 'update',
        sequence: 1,
        state: 'published',
        packetIdentifier: 1,
      } as const
      equal((await after(open, [append(1), update, remove])).messages, [])
      equal((await after(open, [append(1), remove, append(1)])).messages, [message(1)])
    },
  },
  {
    name: 'ignores changes of what is not there',
    async run(open) {
      const session = await after(open, [
        { type: 'update', sequence: 9, state: 'published', packetIdentifier: 1 },
        { type: 'remove', sequence: 9 },
        { type: 'free', packetIdentifier: 9 },
      ])
      equal(session, { messages: [], held: [] })
      equal((await after(open, [append(9)])).messages, [message(9)])
    },
  },
  {
    name: 'holds and frees Packet Identifiers',
    async run(open) {
      const hold = (packetIdentifier: number) => ({ type: 'hold', packetIdentifier }) as const
      const first = await after(
        open,
        [hold(1), hold(65_535), hold(7)],
        [{ type: 'free', packetIdentifier: 7 }],
      )
      equal([...first.held].sort(), [1, 65_535])
      equal((await after(open, [{ type: 'free-all' }, hold(3)])).held, [3])
    },
  },
  {
    name: 'takes commits one upon the other, and keeps their order',
    async run(open) {
      {
        await using store = open()
        await store.load()
        const update = (packetIdentifier: number) =>
          ({ type: 'update', sequence: 1, state: 'published', packetIdentifier }) as const
        const commits = [store.commit([append(1)])]
        for (let number = 1; number <= 50; number++) commits.push(store.commit([update(number)]))
        await Promise.all(commits)
      }
      await using store = open()
      const { messages } = await store.load()
      equal(messages, [message(1, { state: 'published', packetIdentifier: 50 })])
    },
  },
  {
    name: 'finishes what was committed before it is closed',
    async run(open) {
      const store = open()
      await store.load()
      const committed = store.commit([append(1)])
      await Promise.all([store[Symbol.asyncDispose](), committed])
      equal((await after(open)).messages, [message(1)])
    },
  },
]

/** For stores that outlive a process: they also know when they are not to be used. */
export const durableStoreCases: readonly StoreCase[] = [
  {
    name: 'takes nothing once it is closed',
    async run(open) {
      const store = open()
      await store.load()
      await store[Symbol.asyncDispose]()
      const error = await rejected(store.commit([append(1)]))
      equal((error as { code?: unknown }).code, 'store-failed')
    },
  },
  {
    name: 'belongs to one client at a time',
    async run(open) {
      {
        await using store = open()
        await store.load()
        await using second = open()
        const error = await rejected(second.load())
        equal((error as { code?: unknown }).code, 'store-failed')
        // The refused one has taken nothing from the other.
        await store.commit([append(1)])
      }
      equal((await after(open)).messages, [message(1)])
    },
  },
]
