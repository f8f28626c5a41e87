import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTaken, type Post, type ServerWatch } from '../../src/upgrade/watch.ts'

const post = {} as Post

/** A watch that notes what it was shown, and takes it or not. */
function watch(takes: boolean): { readonly watch: ServerWatch; readonly shown: string[] } {
  const shown: string[] = []
  const see =
    (what: string) =>
    (...args: readonly unknown[]): boolean => {
      shown.push(`${what} ${[args[0]].flat()[0]}`)
      return takes
    }
  return { watch: { connection: see('connection'), request: see('request'), stream: see('stream') }, shown }
}

for (const [event, args, shown] of [
  ['connection', ['socket'], 'connection socket'],
  ['request', ['request', 'response'], 'request request'],
  ['checkContinue', ['request', 'response'], 'request request'],
  ['checkExpectation', ['request', 'response'], 'request request'],
  ['stream', ['a stream', {}, 0, []], 'stream a stream'],
] as const) {
  test(`what is emitted as ${event} goes to the first that takes it, and to nobody behind`, () => {
    const [blind, polite, taking, last] = [{}, watch(false), watch(true), watch(true)]
    const all = [blind, polite.watch, taking.watch, last.watch]
    assert.equal(isTaken(all, post, event, args), true)
    assert.deepEqual([polite.shown, taking.shown, last.shown], [[shown], [shown], []])
    assert.equal(isTaken([blind, polite.watch], post, event, args), false)
  })
}

test('nobody is shown anything else', () => {
  const taking = watch(true)
  for (const event of ['upgrade', 'clientError', 'close', Symbol('request')]) {
    assert.equal(isTaken([taking.watch], post, event, ['socket']), false)
  }
  assert.deepEqual(taking.shown, [])
})
