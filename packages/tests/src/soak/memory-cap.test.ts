import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from '@busbar/broker'
import { readerCap } from './memory-cap.ts'

const message = 1_000

test('what one slow reader may cost follows from the settings', () => {
  const limits = { queue: { messages: 50, bytes: 20_000 }, output: { pauseBytes: 5_000 } }
  const config = parseConfig({ limits, mqtt: { inFlightMaximum: 10 } })
  assert.equal(readerCap(config, message, 0), 20_000 + 5_000 + message)
  assert.equal(readerCap(config, message, 1), 20_000 + 5_000 + message + 10 * message)
  const fewer = parseConfig({ limits: { ...limits, queue: { messages: 5, bytes: 20_000 } } })
  assert.equal(readerCap(fewer, message, 0), 5 * message + 5_000 + message)
})
