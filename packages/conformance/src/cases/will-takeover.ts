import { property } from '../bytes.ts'
import type { Case, Trial } from '../case.ts'

interface Combination {
  readonly delay: number
  readonly expiry: number
  readonly clean: boolean
}

/** Takes a connection with a Will over; gives the subscriber to the Will. */
async function takeOver(t: Trial, { delay, expiry, clean }: Combination) {
  const properties = [property.sessionExpiryInterval(expiry)]
  const clientId = t.id()
  const will = {
    topic: t.topic(clientId),
    payload: 'will',
    properties: [property.willDelayInterval(delay)],
  }
  const watcher = await t.subscriber(will.topic)
  const first = await t.connect({ clientId, properties, will })
  const second = await t.connect({ clientId, properties, clean })
  await first.rejects([0x8e])
  await second.ping()
  return watcher
}

const published = {
  'delay 0, expiry 0, Clean Start 0': { delay: 0, expiry: 0, clean: false },
  'delay 0, expiry 0, Clean Start 1': { delay: 0, expiry: 0, clean: true },
  'delay 0, expiry 60, Clean Start 0': { delay: 0, expiry: 60, clean: false },
  'delay 0, expiry 60, Clean Start 1': { delay: 0, expiry: 60, clean: true },
}

/** Where the comments of section 3.1.3.2.2 say more than MQTT5-3.1.2-8. */
const publishedByComment = {
  'delay 5, expiry 0, Clean Start 0': { delay: 5, expiry: 0, clean: false },
  'delay 5, expiry 0, Clean Start 1': { delay: 5, expiry: 0, clean: true },
  'delay 5, expiry 60, Clean Start 1': { delay: 5, expiry: 60, clean: true },
}

export const takeoverCases: readonly Case[] = [
  {
    id: 'will/takeover-without-delay',
    title: 'publishes a Will without delay when its connection is taken over',
    statements: ['U5-3.1.4-d', 'MQTT5-3.1.2-8'],
    versions: [5],
    async run(t) {
      await t.each(published, async (combination) => {
        const watcher = await takeOver(t, combination)
        await watcher.message({ payload: 'will' }, 1_000)
        await watcher.expectNoMessage()
      })
    },
  },
  {
    id: 'will/takeover-ends-session',
    title: 'publishes a delayed Will when the takeover ends its Session',
    statements: ['U5-3.1.4-d'],
    versions: [5],
    async run(t) {
      await t.each(publishedByComment, async (combination) => {
        const watcher = await takeOver(t, combination)
        await watcher.message({ payload: 'will' }, 1_000)
        await watcher.expectNoMessage()
      })
    },
  },
  {
    id: 'will/takeover-resumes-session',
    title: 'does not publish a delayed Will when the takeover resumes its Session',
    statements: ['U5-3.1.4-d', 'MQTT5-3.1.2-8', 'MQTT5-3.1.3-9'],
    versions: [5],
    async run(t) {
      const watcher = await takeOver(t, { delay: 5, expiry: 60, clean: false })
      await watcher.expectNoMessage(6_500)
    },
  },
]
