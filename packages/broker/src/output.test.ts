import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Output } from './output.ts'
import { Slab } from './slab.ts'

const bytes = (...values: number[]) => Uint8Array.of(...values)

test('neighbours leave as one view, without a copy', () => {
  const output = new Output()
  const chunk = bytes(0, 1, 2, 3, 4, 5)
  output.append(chunk, 1, 3)
  output.append(chunk, 3, 5)
  assert.equal(output.length, 4)
  const piece = output.take(new Slab())
  assert.deepEqual(piece, bytes(1, 2, 3, 4))
  assert.equal(piece.buffer, chunk.buffer)
  assert.equal(output.length, 0)
})

test('subscribers of the same bytes share the view', () => {
  const chunk = bytes(0, 1, 2, 3)
  const [first, second, other] = [new Output(), new Output(), new Output()]
  first.append(chunk, 1, 3)
  second.append(chunk, 1, 3)
  other.append(chunk, 1, 4)
  const slab = new Slab()
  assert.equal(first.take(slab), second.take(slab))
  assert.deepEqual(other.take(slab), bytes(1, 2, 3))
})

test('anything else is joined, in order', () => {
  const output = new Output()
  const chunk = bytes(0, 1, 2, 3)
  output.append(chunk, 2, 4)
  output.append(chunk, 0, 2)
  output.append(bytes(9), 0, 1)
  assert.deepEqual(output.take(new Slab()), bytes(2, 3, 0, 1, 9))
  output.append(chunk, 1, 2)
  assert.deepEqual(output.take(new Slab()), bytes(1))
})

test('a slab hands nothing out twice in a turn, whatever the sizes', () => {
  const slab = new Slab()
  for (let turn = 0; turn < 3; turn++) {
    const pieces: Uint8Array[] = []
    for (let i = 0; i < 400; i++) {
      const piece = slab.piece((i * 1_663) % 20_000)
      piece.fill((turn + i) % 251)
      pieces.push(piece)
    }
    for (const [i, piece] of pieces.entries()) {
      assert.equal(piece.length, (i * 1_663) % 20_000)
      assert.ok(piece.every((byte) => byte === (turn + i) % 251))
    }
    slab.endTurn()
  }
  const large = new Uint8Array(100_000).fill(7)
  assert.deepEqual(slab.copy(large), large)
  assert.notEqual(slab.copy(large).buffer, large.buffer)
})

test('the next turn has the same memory, unless somebody holds on to it', () => {
  const slab = new Slab()
  const first = slab.piece(10)
  slab.endTurn()
  const second = slab.piece(10)
  assert.deepEqual([second.buffer, second.byteOffset], [first.buffer, first.byteOffset])
  slab.isHeld = true
  slab.endTurn()
  assert.notEqual(slab.piece(10).buffer, first.buffer)
})
