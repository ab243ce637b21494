// Hooks: code of a program that takes part in what its broker does. One checks and completes what is
// published, one masks what some clients may not see, one keeps count. Run it with
// `node -C @busbar/source examples/hooks.ts`.
import { type Hook, PublishError, startBroker } from '@busbar/broker'

const decoder = new TextDecoder()
const encoder = new TextEncoder()

/** Only JSON is published below `sensors/`, and each message says when it came. */
const validate: Hook = {
  name: 'validate',
  publish({ topicName, payload, properties }) {
    if (!topicName.startsWith('sensors/')) return undefined
    try {
      JSON.parse(decoder.decode(payload))
    } catch {
      return { refuse: 0x99, reason: 'sensors/# takes JSON only' } // Payload format invalid
    }
    const userProperties = [...(properties.userProperties ?? []), ['checked', 'yes'] as const]
    return { properties: { ...properties, contentType: 'application/json', userProperties } }
  },
}

/** Whoever is not in the group `staff` gets no names. */
const mask: Hook = {
  name: 'mask',
  deliver({ topicName, payload }, { groups }) {
    if (!topicName.startsWith('people/') || groups?.includes('staff')) return undefined
    const { name: _, ...rest } = JSON.parse(decoder.decode(payload))
    return { payload: encoder.encode(JSON.stringify(rest)) }
  },
}

let lost = 0
const count: Hook = {
  name: 'count',
  lost: ({ messages }) => {
    lost += messages
  },
}

await using broker = await startBroker(
  { listeners: [], store: { engine: 'memory' }, log: { level: 'error' } },
  { hooks: [validate, mask, count], hookTimeoutMs: 2_000 },
)

const { promise: haveBoth, resolve } = Promise.withResolvers<void>()
let arrived = 0
await broker.subscribe('#', ({ topicName, payload, properties }) => {
  console.log(`${topicName}: ${decoder.decode(payload)} ${properties.contentType ?? ''}`.trimEnd())
  if (++arrived === 2) resolve()
})

await broker.publish('sensors/1', JSON.stringify({ celsius: 21 }))
await broker.publish('people/1', JSON.stringify({ name: 'Ann', badge: 7 }))
try {
  await broker.publish('sensors/2', 'warm')
} catch (error) {
  if (!(error instanceof PublishError)) throw error
  console.log(`refused with 0x${error.reasonCode.toString(16)}: ${error.message}`)
}
await haveBoth
console.log(`${lost} message was lost`)
