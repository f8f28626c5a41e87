import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { createVirtualClock, type VirtualClock } from '../../src/base/clock.ts'
import { PREFACE, settingsFrame } from '../../src/upgrade/h2c-frames.ts'
import { awaitPreface } from '../../src/upgrade/h2c-preface.ts'
import { turn } from '../base/turns.ts'

const TIMEOUT_MS = 1_000
const FIELD = Buffer.from('000300000064', 'hex')
const OWN = Buffer.from('00040000ffff', 'hex')
const REQUEST = Buffer.from('the request')
const ACKNOWLEDGEMENT = Buffer.from('000000040100000000', 'hex')

function trial(...before: Buffer[]): { stream: PassThrough; clock: VirtualClock; readies: string[] } {
  const stream = new PassThrough()
  for (const chunk of before) stream.write(chunk)
  stream.on('error', () => {})
  const clock = createVirtualClock()
  const readies: string[] = []
  const onReady = (): void => void readies.push((stream.read() as Buffer).toString('hex'))
  awaitPreface({ stream, settings: FIELD, request: REQUEST, timeoutMs: TIMEOUT_MS, clock, onReady })
  return { stream, clock, readies }
}

const whole = Buffer.concat([PREFACE, settingsFrame(OWN), Buffer.from('and more')])
const expected = Buffer.concat([
  PREFACE,
  settingsFrame(Buffer.concat([FIELD, OWN])),
  REQUEST,
  Buffer.from('and more'),
]).toString('hex')

test('RFC 7540 section 3.2.1: the settings of the field come before the client’s own, in one frame', async () => {
  const { stream, readies } = trial()
  stream.write(whole)
  await turn()
  assert.deepEqual(readies, [expected])
})

test('wherever it is cut, nothing is lost and nothing comes early', async () => {
  const end = PREFACE.length + settingsFrame(OWN).length
  for (let at = 1; at < end; at++) {
    const { stream, readies } = trial()
    stream.write(whole.subarray(0, at))
    await turn()
    assert.deepEqual(readies, [], `cut at ${at}`)
    stream.write(whole.subarray(at))
    await turn()
    assert.deepEqual(readies, [expected], `cut at ${at}`)
  }
})

test('whatever came before, in however many chunks, counts', async () => {
  const { readies } = trial(whole.subarray(0, 10), whole.subarray(10, 30), whole.subarray(30))
  await turn()
  assert.deepEqual(readies, [expected])
})

for (const [title, bytes] of [
  ['another preface', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['a preface that differs at its end', Buffer.concat([PREFACE.subarray(0, -1), Buffer.from('x')])],
  ['an acknowledgement before its SETTINGS', Buffer.concat([PREFACE, ACKNOWLEDGEMENT])],
  ['another frame first', Buffer.concat([PREFACE, Buffer.from('000000060000000000', 'hex')])],
  ['SETTINGS of a stream', Buffer.concat([PREFACE, Buffer.from('000000040000000001', 'hex')])],
  ['half a setting', Buffer.concat([PREFACE, Buffer.from('000005040000000000', 'hex')])],
  [
    'SETTINGS of more than a frame may have',
    Buffer.concat([PREFACE, Buffer.from('004002040000000000', 'hex')]),
  ],
] as const) {
  test(`${title} ends the connection`, async () => {
    const { stream, readies } = trial()
    stream.write(bytes)
    await turn()
    assert.deepEqual([stream.destroyed, readies], [true, []])
  })
}

test('a client that ends before, or takes too long, is given up', async () => {
  const ended = trial()
  ended.stream.end(PREFACE)
  await turn()
  assert.equal(ended.stream.destroyed, true)

  const slow = trial()
  slow.stream.write(PREFACE)
  await turn()
  slow.clock.advance(TIMEOUT_MS - 1)
  assert.equal(slow.stream.destroyed, false)
  slow.clock.advance(1)
  assert.equal(slow.stream.destroyed, true)
})

test('nothing is awaited any more once the preface is there, or the connection gone', async () => {
  const ready = trial()
  ready.stream.write(whole)
  await turn()
  ready.clock.advance(10 * TIMEOUT_MS)
  assert.equal(ready.stream.destroyed, false)
  assert.equal(ready.stream.listenerCount('readable'), 0)

  const gone = trial()
  gone.stream.destroy()
  await turn()
  assert.equal(gone.stream.listenerCount('readable'), 0)
})
