// Proves upgrade/h2c-swallow.ts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { describe, it } from 'node:test'
import { PREFACE, requestFrames, settingsFrame } from '../../src/upgrade/h2c-frames.ts'
import { swallowFirstRequest } from '../../src/upgrade/h2c-swallow.ts'
import { turn } from '../base/turns.ts'
import { getOn } from './http2-wire.ts'

/** A connection that writes down what it is given. */
function carrier() {
  const written: Buffer[] = []
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      written.push(chunk)
      done()
    },
  })
  return { stream, written: () => Buffer.concat(written) }
}

const first = requestFrames([['x', 'y'.repeat(20_000)]])
const before = Buffer.concat([PREFACE, settingsFrame(Buffer.from('000200000000', 'hex'))])
const after = getOn(3, '/next')

describe('the swallower of the first request', () => {
  for (const size of [1, 7, 24, 9_999, 1_000_000]) {
    it(`R38: drops it and nothing else, written ${size} bytes at a time`, async () => {
      const { stream, written } = carrier()
      const swallower = swallowFirstRequest(stream)
      const bytes = Buffer.concat([before, first, after, after])
      for (let at = 0; at < bytes.length; at += size) swallower.write(bytes.subarray(at, at + size))
      await new Promise<unknown>((done) => swallower.write('', done))
      assert.equal(written().toString('hex'), Buffer.concat([before, after, after]).toString('hex'))
      swallower.destroy()
    })
  }

  it('reads nothing before that, and then everything in order', async () => {
    const { stream } = carrier()
    let alongside = ''
    const swallower = swallowFirstRequest(stream, (chunk) => {
      alongside += chunk
    })
    stream.push('early ')
    let came = ''
    swallower.on('data', (chunk) => {
      came += chunk
    })
    await turn()
    assert.equal(came, '')
    swallower.write(Buffer.concat([before, first]))
    stream.push('late')
    stream.push(null)
    await once(swallower, 'end')
    assert.equal(came, 'early late')
    assert.equal(alongside, came)
    swallower.destroy()
  })

  it('ends with its connection, and its connection with it', async () => {
    const one = carrier()
    const swallower = swallowFirstRequest(one.stream)
    one.stream.destroy()
    await once(swallower, 'close')
    const two = carrier()
    swallowFirstRequest(two.stream).destroy()
    await once(two.stream, 'close')
  })
})
