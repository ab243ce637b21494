import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { atEndOfTurn, endTurn, inTurn, isInTurn, sendBehind } from './turn.ts'

test('what is put off during a turn is done when it ends, and what that puts off as well', () => {
  const done: string[] = []
  inTurn(() => {
    atEndOfTurn(() => {
      done.push('output')
      atEndOfTurn(() => done.push('send'))
    })
    done.push('input')
  })
  assert.deepEqual(done, ['input', 'output', 'send'])
})

test('a turn may look for more when its output is sent', () => {
  const done: string[] = []
  inTurn(() => {
    atEndOfTurn(() => done.push('output'))
    endTurn()
    done.push('more input')
  })
  assert.deepEqual(done, ['output', 'more input'])
})

test('outside of a turn there is one for it', async () => {
  const done: boolean[] = []
  atEndOfTurn(() => done.push(isInTurn()))
  assert.deepEqual(done, [])
  await nextTurn()
  assert.deepEqual(done, [true])
  assert.equal(isInTurn(), false)
})

test('what was put off outside of a turn is not behind what the next turn reads', async () => {
  const done: string[] = []
  atEndOfTurn(() => done.push('output'))
  inTurn(() => {
    endTurn()
    done.push('input')
  })
  assert.deepEqual(done, ['output', 'input'])
  await nextTurn()
  assert.deepEqual(done, ['output', 'input'])
})

test('a turn that fails has ended', () => {
  const done: string[] = []
  const failing = () =>
    inTurn(() => {
      atEndOfTurn(() => done.push('output'))
      throw new Error('a defect')
    })
  assert.throws(failing, /a defect/)
  assert.deepEqual(done, ['output'])
  assert.equal(isInTurn(), false)
})

test('what fails at the end of a turn does not keep the rest from being done', () => {
  const done: string[] = []
  const failing = () =>
    inTurn(() => {
      atEndOfTurn(() => {
        throw new Error('a defect')
      })
      atEndOfTurn(() => done.push('others'))
    })
  assert.throws(failing, /a defect/)
  inTurn(() => {})
  assert.deepEqual(done, ['others'])
})

test('what a work wants to send leaves before another work begins, also its own next one', () => {
  const done: string[] = []
  inTurn(() => {
    atEndOfTurn(() => {
      atEndOfTurn(() => done.push('once more'))
      done.push('output')
      sendBehind(() => done.push('send'))
    })
    atEndOfTurn(() => done.push('output of others'))
    sendBehind(() => done.push('send at once'))
  })
  const order = ['send at once', 'output', 'send', 'output of others', 'once more']
  assert.deepEqual(done, order)
})

test('what was put off before a turn is done with it, and not behind it', async () => {
  const done: string[] = []
  atEndOfTurn(() => done.push('put off'))
  inTurn(() => {
    endTurn()
    done.push('more input')
  })
  await nextTurn()
  assert.deepEqual(done, ['put off', 'more input'])
})
