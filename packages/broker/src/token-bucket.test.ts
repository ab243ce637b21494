import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TokenBucket } from './token-bucket.ts'

test('as much as comes in a second may be taken at once, then as it comes', () => {
  const bucket = new TokenBucket(10, 0)
  for (let i = 0; i < 10; i++) assert.equal(bucket.take(1, 0), true)
  assert.equal(bucket.take(1, 99), false)
  assert.equal(bucket.take(1, 100), true)
  assert.equal(bucket.take(1, 199), false)
  assert.equal(bucket.isFull(1_000), false)
  assert.equal(bucket.isFull(1_200), true)
})

test('more does not gather while nothing is taken', () => {
  const bucket = new TokenBucket(10, 0)
  assert.equal(bucket.take(10, 60_000), true)
  assert.equal(bucket.take(1, 60_000), false)
})

test('what is spent and not there has to be waited for', () => {
  const bucket = new TokenBucket(100, 0)
  bucket.spend(100, 0)
  assert.equal(bucket.paidAt, 0)
  bucket.spend(50, 0)
  assert.equal(bucket.paidAt, 500)
  bucket.spend(25, 250)
  assert.equal(bucket.paidAt, 750)
})
