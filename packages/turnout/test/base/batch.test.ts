import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Batch } from '../../src/base/batch.ts'

const pieces = ['one ', 'two ', 'three '].map((text) => Buffer.from(text))
const [one, two, three] = pieces as [Buffer, Buffer, Buffer]

test('whoever adds the same to the same has the same batch, joined once', () => {
  const ours = Batch.of(one).and(two).and(three)
  const theirs = Batch.of(one).and(two).and(three)
  assert.equal(theirs, ours)
  assert.equal(ours.bytes, 14)
  assert.equal(String(ours.joined()), 'one two three ')
  assert.equal(theirs.joined(), ours.joined())
})

test('a batch stays what it is, whatever others make of it', () => {
  const first = Batch.of(one)
  const joined = first.joined()
  const second = first.and(two)
  const other = first.and(three).and(two)
  assert.equal(first.joined(), joined)
  assert.equal(joined, one)
  assert.equal(String(second.joined()), 'one two ')
  assert.equal(String(other.joined()), 'one three two ')
  assert.equal(String(first.and(two).joined()), 'one two ')
})

test('pieces of the same bytes are not the same piece', () => {
  const copy = Buffer.from(one)
  assert.notEqual(Batch.of(copy), Batch.of(one))
  assert.equal(Batch.of(copy).joined(), copy)
})
