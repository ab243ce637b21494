import assert from 'node:assert/strict'
import { test } from 'node:test'
import { longestSilenceMs } from './keep-alive.ts'

const rows = [
  ['MQTT5-3.1.2-22', 'one and a half times', 2, 3_000],
  ['MQTT3-3.1.2-24', 'the most there is, 18 h 12 min 15 s', 65_535, 98_302_500],
  ['MQTT5-3.1.2-22', '0 is for ever', 0, 0],
] as const

for (const [statement, name, keepAliveSeconds, milliseconds] of rows) {
  test(`the client must be heard in time: ${name} [${statement}]`, () => {
    assert.equal(longestSilenceMs(keepAliveSeconds), milliseconds)
  })
}
