import assert from 'node:assert/strict'
import { test } from 'node:test'
import { check } from './checker.ts'
import type { ClientLog, LogEvent } from './log.ts'
import type { Facts } from './timeline.ts'
import type { Rule } from './violation.ts'

export type Step<E = LogEvent> = E extends LogEvent ? Omit<E, 'at'> & { at?: number } : never
export type Scene = Readonly<Record<string, readonly Step[]>>

export const hour = 3_600

// What clients do, with what matters to most rules filled in.

export const connect = (expirySeconds = hour, more: Partial<Step> = {}) =>
  ({ event: 'connecting', cleanStart: false, expirySeconds, ...more }) as Step
export const connected = (sessionPresent = false, expirySeconds = hour): Step => {
  return { event: 'connected', sessionPresent, expirySeconds }
}
export const subscribe = (filter: string, qos: 0 | 1 | 2 = 2): Step[] => [
  { event: 'subscribing', filter, qos },
  { event: 'subscribed', filter, code: qos },
]
export const sent = (message: string, topicName = 't', more: Partial<Step> = {}): Step =>
  ({
    ...{ event: 'sent', message, topicName, qos: 2, retain: false, dup: false },
    ...{ packetIdentifier: 1, ...more },
  }) as Step
export const acked = (message: string, code = 0): Step => ({ event: 'acked', message, code })
export const received = (message: string, topicName = 't', more: Partial<Step> = {}): Step =>
  ({
    ...{ event: 'received', message, topicName, qos: 2, retain: false, dup: false },
    ...{ packetIdentifier: 1, ...more },
  }) as Step
export const lost = (aliveAt: number): Step => ({
  event: 'disconnected',
  isOrderly: false,
  aliveAt,
})
export const leave = (expirySeconds = hour): Step[] => [
  { event: 'leaving', code: 0, expirySeconds },
  { event: 'disconnected', isOrderly: true, aliveAt: 0 },
]
export const at = (time: number, ...steps: Step[]): Step[] => {
  return steps.map((step, i) => ({ ...step, at: time + i / 100 }))
}

export const subscriber = (filter = 't', qos: 0 | 1 | 2 = 2) =>
  at(0, connect(), connected(), ...subscribe(filter, qos))
export const publisher = at(0, connect(), connected())
export const will = { message: 'p:1', topicName: 't', qos: 2, retain: false } as const

/** What breaks is the rule that is named; undefined: the log holds. */
export type SceneRow = readonly [name: string, rule: Rule | undefined, scene: Scene, facts?: Facts]

export function logsOf(scene: Scene): readonly ClientLog[] {
  return Object.entries(scene).map(([clientIdentifier, steps]) => {
    return { clientIdentifier, events: steps as readonly LogEvent[] }
  })
}

/** One test for each row. */
export function checkScenes(rows: readonly SceneRow[]): void {
  for (const [name, rule, scene, facts] of rows) {
    test(`${rule ?? 'holds'}: ${name}`, () => {
      const { violations } = check(logsOf(scene), facts)
      assert.deepEqual(
        [...new Set(violations.map((violation) => violation.rule))],
        rule ? [rule] : [],
      )
    })
  }
}
