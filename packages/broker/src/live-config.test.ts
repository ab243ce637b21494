import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConfigInput, parseConfig } from './config.ts'
import { mergeLive } from './live-config.ts'

const merge = (before: ConfigInput, after: ConfigInput) =>
  mergeLive(parseConfig(before), parseConfig(after))

test('the same configuration changes nothing', () => {
  const { config, changed, needsRestart } = merge({}, {})
  assert.deepEqual([changed, needsRestart], [[], []])
  assert.deepEqual(config, parseConfig({}))
})

const rows: readonly [ConfigInput, string[], string[]][] = [
  [{ limits: { queue: { messages: 5 } } }, ['limits.queue.messages'], []],
  [{ log: { level: 'debug', format: 'json' } }, ['log.level'], ['log.format']],
  [{ listeners: [{ kind: 'tcp' }] }, [], ['listeners[1]']],
  [{ listeners: [{ kind: 'tcp', port: 1 }, { kind: 'ws' }] }, [], ['listeners[0].port']],
  [{ mqtt: { serverReference: 'b' } }, [], ['mqtt.serverReference']],
  [
    { limits: { connectBytes: 300, connections: 3 } },
    ['limits.connections'],
    ['limits.connectBytes'],
  ],
  [{ auth: { flapping: { takeovers: 3 } } }, ['auth.flapping.takeovers'], []],
  [{ store: { engine: 'memory' } }, [], ['store.engine']],
]

for (const [after, changed, needsRestart] of rows) {
  test(`${JSON.stringify(after)} changes ${changed} and leaves ${needsRestart}`, () => {
    const merged = merge({}, after)
    assert.deepEqual([merged.changed, merged.needsRestart], [changed, needsRestart])
    const second = mergeLive(merged.config, parseConfig(after))
    assert.deepEqual([second.changed, second.needsRestart], [[], needsRestart])
  })
}
