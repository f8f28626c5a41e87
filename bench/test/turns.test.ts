import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inTurn } from '../src/turns.ts'

const peers = ['A', 'B', 'C', 'D']
const windows = Array.from({ length: 2 * peers.length }, (_, window) => inTurn(peers, window))

test('of any two peers each comes first as often as the other', () => {
  for (const one of peers) {
    for (const other of peers.filter((peer) => peer !== one)) {
      const before = windows.filter((order) => order.indexOf(one) < order.indexOf(other)).length
      assert.equal(before, windows.length / 2, `${one} before ${other}`)
    }
  }
})

test('every peer begins a window as often as any other, and ends one as often', () => {
  for (const peer of peers) {
    assert.equal(windows.filter((order) => order[0] === peer).length, 2)
    assert.equal(windows.filter((order) => order.at(-1) === peer).length, 2)
  }
})

test('each window has everyone once', () => {
  for (const order of windows) assert.deepEqual([...order].sort(), peers)
  assert.deepEqual(inTurn([], 3), [])
})
