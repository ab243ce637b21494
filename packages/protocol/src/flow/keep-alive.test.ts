import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KeepAlive } from './keep-alive.ts'

const rows = [
  ['MQTT5-3.1.2-22', 'one and a half times', 2, 10_000, 13_000],
  ['MQTT3-3.1.2-24', 'the most there is, 18 h 12 min 15 s', 65_535, 0, 98_302_500],
  ['MQTT5-3.1.2-22', '0 is never', 0, 10_000, Number.POSITIVE_INFINITY],
] as const

for (const [statement, name, keepAliveSeconds, heardAt, deadline] of rows) {
  test(`the client must be heard in time: ${name} [${statement}]`, () => {
    const keepAlive = new KeepAlive(keepAliveSeconds)
    keepAlive.heard(heardAt)
    assert.equal(keepAlive.deadline, deadline)
    keepAlive.heard(heardAt + 500)
    assert.equal(keepAlive.deadline, deadline + 500)
  })
}
