import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Statistics } from './statistics.ts'

test('the maximum of connected clients is that of every moment', () => {
  const statistics = new Statistics()
  statistics.clientsConnected += 3
  statistics.clientsConnected -= 2
  statistics.clientsConnected += 1
  assert.equal(statistics.clientsConnected, 2)
  assert.equal(statistics.clientsMaximum, 3)
})

test('a Session without a client is a disconnected one', () => {
  const statistics = new Statistics()
  statistics.sessions = 5
  statistics.clientsConnected = 2
  assert.equal(statistics.sessionsDisconnected, 3)
})
