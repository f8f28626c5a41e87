import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transport } from '../../src/transport/transport.ts'
import { Pace, WAIT } from '../../src/websocket/pace.ts'

interface Trial {
  readonly pace: Pace
  /** What the transport and the host were told since the last look, in order. */
  told(): string[]
}

/** @param onGo what is done while the host hears that reading goes on */
function trial(onGo: (pace: Pace) => void = () => {}): Trial & { open(): void } {
  const told: string[] = []
  const pace: Pace = new Pace({
    onGo() {
      told.push('go')
      onGo(pace)
    },
  })
  const transport: Partial<Transport> = {
    pause: () => void told.push('pause'),
    resume: () => void told.push('resume'),
  }
  return { pace, told: () => told.splice(0), open: () => pace.open(transport as Transport) }
}

function opened(onGo?: (pace: Pace) => void): Trial {
  const made = trial(onGo)
  made.open()
  return made
}

test('it reads unless there is a reason to wait, and goes on when the last of them has gone', () => {
  const { pace, told } = opened()
  assert.equal(pace.reading, true)
  pace.wait(WAIT.paused)
  pace.wait(WAIT.unread)
  assert.deepEqual([pace.reading, pace.crowded, told()], [false, true, ['pause']])
  pace.go(WAIT.paused)
  assert.deepEqual([pace.reading, told()], [false, []])
  pace.go(WAIT.unread)
  assert.deepEqual([pace.reading, pace.crowded, told()], [true, false, ['go', 'resume']])
})

test('a reason that was none, and one that is told twice, change nothing', () => {
  const { pace, told } = opened()
  pace.go(WAIT.parts)
  pace.wait(WAIT.parts)
  pace.wait(WAIT.parts)
  assert.deepEqual(told(), ['pause'])
  pace.go(WAIT.parts)
  assert.deepEqual(told(), ['go', 'resume'])
})

test('what was asked for before there was a transport holds from its first byte', () => {
  const { pace, told, open } = trial()
  pace.wait(WAIT.paused)
  assert.deepEqual(told(), [])
  open()
  assert.deepEqual(told(), ['pause'])
})

test('what is held back comes before the transport reads on, and may be too much again', () => {
  const { pace, told } = opened((pace) => pace.wait(WAIT.unread))
  pace.wait(WAIT.paused)
  told()
  pace.go(WAIT.paused)
  assert.deepEqual([pace.reading, told()], [false, ['go', 'pause']])
})

test('one chunk at a time is read ahead to hear the peer, and none beyond 64 KiB', () => {
  const { pace, told } = opened()
  assert.equal(pace.readOne(), true, 'it reads anyway')
  pace.wait(WAIT.paused)
  told()
  for (const bytes of [40_000, 25_535]) {
    assert.equal(pace.readOne(), true)
    assert.equal(pace.readOne(), true, 'asked for already')
    pace.onChunk(bytes)
    assert.deepEqual(told(), ['resume', 'pause'])
  }
  assert.equal(pace.readOne(), true, 'a byte is left')
  pace.onChunk(131_072)
  told()
  assert.equal(pace.readOne(), false)
  assert.deepEqual(told(), [])
})

test('it may read ahead as much again after it has read on', () => {
  const { pace } = opened()
  pace.wait(WAIT.paused)
  pace.readNoneAhead()
  assert.equal(pace.readOne(), false)
  pace.go(WAIT.paused)
  pace.wait(WAIT.paused)
  assert.equal(pace.readOne(), true)
})

test('nothing is read ahead of a message that is being decoded, which is no crowd', () => {
  const { pace, told } = opened()
  pace.wait(WAIT.decoding)
  assert.deepEqual([pace.reading, pace.crowded, pace.readOne(), told()], [false, false, false, ['pause']])
})

test('a chunk that comes while it reads is none that was read ahead', () => {
  const { pace, told } = opened()
  pace.onChunk(1_000_000)
  assert.deepEqual(told(), [])
  pace.wait(WAIT.paused)
  assert.equal(pace.readOne(), true)
})

test('whatever held it back, the end is read; only decoding still waits', () => {
  const { pace, told } = opened()
  pace.wait(WAIT.paused | WAIT.unread | WAIT.decoding)
  told()
  pace.close()
  assert.deepEqual([pace.reading, pace.crowded, told()], [false, false, []])
  pace.go(WAIT.decoding)
  assert.deepEqual([pace.reading, told()], [true, ['go', 'resume']])
  pace.wait(WAIT.paused)
  assert.deepEqual([pace.reading, told()], [true, []])
})
