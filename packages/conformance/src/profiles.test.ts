import assert from 'node:assert/strict'
import { test } from 'node:test'
import { profileNames, renderConfig, scramVerifier } from './profiles.ts'

const at = { mqtt: 1_883, websocket: 9_001, passwords: '/tmp/passwords' }

test('writes a Busbar configuration for every profile', () => {
  for (const profile of profileNames) {
    const config = renderConfig('busbar', profile, at)
    const sections = (config ?? '')
      .trimEnd()
      .split('\n')
      .map((line) => line.split(': ')[0])
    const access = profile === 'authentication' ? ['access'] : []
    const all = ['listeners', 'store', 'mqtt', 'limits', 'auth', ...access, 'sys']
    assert.deepEqual(sections, all, profile)
  }
})

test('puts each setting into its section', () => {
  const config = renderConfig('busbar', 'small-limits', at) ?? ''
  assert.match(
    config,
    /^mqtt: \{"receiveMaximum":5,"topicAliasMaximum":2,"maximumPacketSize":1000,/m,
  )
  assert.match(config, /^limits: \{"clientIdentifierBytes":30\}$/m)
})

test('writes a Mosquitto configuration where Mosquitto has the settings', () => {
  const possible = profileNames.filter((profile) => renderConfig('mosquitto', profile, at))
  assert.deepEqual(possible, [
    'default',
    'websocket',
    'maximum-qos-0',
    'maximum-qos-1',
    'retain-unavailable',
    'small-limits',
    'no-topic-alias',
    'authentication',
  ])
})

test('keeps of a password what SCRAM-SHA-256 needs, and nothing else', () => {
  const verifier = scramVerifier('correct horse')
  assert.equal(verifier.iterations, 4_096)
  assert.equal(Buffer.from(verifier.salt, 'base64').length, 16)
  assert.equal(Buffer.from(verifier.storedKey, 'base64').length, 32)
  assert.notEqual(verifier.storedKey, scramVerifier('wrong').storedKey)
  assert.equal(JSON.stringify(verifier).includes('correct'), false)
})
