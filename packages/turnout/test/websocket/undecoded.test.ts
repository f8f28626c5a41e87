import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deferred } from '../../src/base/promise.ts'
import { Pace, WAIT } from '../../src/websocket/pace.ts'
import { Undecoded } from '../../src/websocket/undecoded.ts'
import { turn } from '../base/turns.ts'

function trial(): { pace: Pace; undecoded: Undecoded; told: string[]; decode: () => void; end: () => void } {
  const told: string[] = []
  const pace = new Pace({ onGo: () => told.push('go') })
  return {
    pace,
    undecoded: new Undecoded(pace),
    told,
    decode: () => void told.push('decode'),
    end: () => void told.push('end'),
  }
}

test('nothing is in the way of an end where nothing waits', () => {
  const { undecoded, end, told } = trial()
  assert.equal(undecoded.delays(end), false)
  assert.deepEqual(told, [])
})

test('an end waits for the message that is being decoded, and for what follows it', async () => {
  const { undecoded, pace, told, decode, end } = trial()
  const ready = deferred<void>()
  undecoded.await(ready.promise, decode)
  assert.deepEqual([pace.reading, undecoded.isUnderWay, undecoded.delays(end)], [false, true, true])
  ready.resolve()
  await turn()
  assert.deepEqual([pace.reading, undecoded.isUnderWay], [true, false])
  assert.deepEqual(told, ['decode', 'go', 'end'])
})

test('reading goes on only behind the last of several that are decoded apart', async () => {
  const { undecoded, pace, told, decode } = trial()
  const [first, second] = [deferred<void>(), deferred<void>()]
  undecoded.await(first.promise, () => undecoded.await(second.promise, decode))
  first.resolve()
  await turn()
  assert.deepEqual([pace.reading, undecoded.isUnderWay, told], [false, true, []])
  second.resolve()
  await turn()
  assert.deepEqual([pace.reading, told], [true, ['decode', 'go']])
})

test('ends wait in their order while nobody takes more, and nothing is read ahead meanwhile', () => {
  const { undecoded, pace, told, decode, end } = trial()
  pace.wait(WAIT.unread)
  assert.equal(undecoded.delays(end), false, 'all that came was delivered')
  undecoded.delivered()
  assert.equal(pace.readOne(), false)
  assert.equal(undecoded.delays(end), true)
  assert.equal(
    undecoded.delays(() => told.push('second end')),
    true,
  )
  undecoded.goOn(decode)
  assert.deepEqual(told, ['decode', 'end', 'second end'])
  assert.equal(undecoded.delays(end), false)
})

test('an end that comes while what waits is too much again goes on waiting', () => {
  const { undecoded, pace, told, end } = trial()
  pace.wait(WAIT.unread)
  undecoded.delivered()
  const ended = (): void => void (undecoded.delays(ended) || told.push('end'))
  ended()
  undecoded.goOn(() => undecoded.delivered())
  assert.deepEqual(told, [])
  pace.go(WAIT.unread)
  undecoded.goOn(() => {})
  assert.deepEqual(told, ['go', 'end'])
  assert.equal(undecoded.delays(end), false)
})

test('a message that somebody takes delays nothing', () => {
  const { undecoded, end } = trial()
  undecoded.delivered()
  assert.equal(undecoded.delays(end), false)
})
