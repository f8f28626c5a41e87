import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apart, lentEngines, OwnEngine } from '../../src/websocket/engines.ts'
import { type EngineSettings, openEngines } from '../../src/websocket/zlib-engine.ts'
import { turn } from '../base/turns.ts'

const DEFLATE: EngineSettings = { kind: 'deflate', windowBits: 15, level: 6, memLevel: 8 }

describe("a connection's own engine", () => {
  it('is made with the first message, and stays', () => {
    const before = openEngines()
    const own = new OwnEngine(DEFLATE)
    assert.equal(openEngines(), before)
    const engine = own.take()
    own.giveBack(engine)
    assert.equal(own.take(), engine)
    assert.equal(openEngines(), before + 1)
    own.release()
    assert.equal(openEngines(), before)
  })

  it('is made anew after it failed', () => {
    const own = new OwnEngine(DEFLATE)
    const broken = own.take()
    broken.close()
    own.giveBack(broken)
    assert.notEqual(own.take(), broken)
    own.release()
  })

  it('rests between messages only', () => {
    const before = openEngines()
    const own = new OwnEngine(DEFLATE)
    const engine = own.take()
    assert.equal(own.rest(), false)
    assert.equal(openEngines(), before + 1)
    own.giveBack(engine)
    assert.equal(own.rest(), true)
    assert.equal(openEngines(), before)
    own.release()
  })

  it('is not made again once the connection is over', () => {
    const before = openEngines()
    const own = new OwnEngine(DEFLATE)
    own.release()
    assert.throws(() => own.take(), /over/)
    assert.equal(openEngines(), before)
  })
})

describe('lent engines', () => {
  it('go from hand to hand, those of one setting only', () => {
    const engines = lentEngines(DEFLATE)
    const others = lentEngines({ ...DEFLATE, level: 5 })
    assert.equal(lentEngines({ ...DEFLATE }), engines)
    assert.notEqual(others, engines)
    const engine = engines.take()
    const second = engines.take()
    assert.notEqual(second, engine)
    engines.giveBack(engine)
    assert.equal(engines.take(), engine)
    engines.giveBack(engine)
    engines.giveBack(second)
  })

  it('are empty whenever they change hands', async () => {
    const engines = lentEngines(DEFLATE)
    const sizes: number[] = []
    for (let round = 0; round < 3; round++) {
      const engine = engines.take()
      sizes.push((await engine.runLater(Buffer.from('one secret of one connection'), 1e6)).output.length)
      engines.giveBack(engine)
    }
    assert.equal(new Set(sizes).size, 1)
  })

  it('are kept by the handful', () => {
    const engines = lentEngines({ ...DEFLATE, level: 4 })
    const before = openEngines()
    const taken = Array.from({ length: 20 }, () => engines.take())
    assert.equal(openEngines(), before + 20)
    for (const engine of taken) engines.giveBack(engine)
    assert.equal(openEngines(), before + 4)
  })

  it('stay lent when a connection ends, and are not kept when they failed', () => {
    const engines = lentEngines({ ...DEFLATE, level: 3 })
    const before = openEngines()
    const engine = engines.take()
    engines.release()
    assert.equal(engine.closed, false)
    engine.close()
    engines.giveBack(engine)
    assert.equal(openEngines(), before)
    assert.equal(engines.rest(), true)
  })
})

describe('work apart', () => {
  it('is done four at a time, in the order of asking, and goes on after a failure', async () => {
    const log: string[] = []
    const ends: (() => void)[] = []
    const work = (name: string) =>
      apart(async () => {
        log.push(name)
        await new Promise<void>((resolve) => ends.push(resolve))
        if (name === 'b') throw new Error(name)
        return name
      })
    const results = Promise.allSettled(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(work))
    await turn()
    assert.deepEqual(log, ['a', 'b', 'c', 'd'])
    ends[1]!()
    await turn()
    assert.deepEqual(log, ['a', 'b', 'c', 'd', 'e'])
    for (let at = 0; at < 7; at++) {
      ends[at]!()
      await turn()
    }
    assert.equal(log.join(''), 'abcdefg')
    assert.deepEqual(
      (await results).map((result) => (result.status === 'fulfilled' ? result.value : result.reason.message)),
      ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    )
    const again = work('again')
    await turn()
    ends[7]!()
    assert.equal(await again, 'again')
  })
})
