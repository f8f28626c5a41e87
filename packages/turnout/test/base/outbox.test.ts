import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { borrow, idleBytes } from '../../src/base/loan.ts'
import { COPY_BYTES, Outbox } from '../../src/base/outbox.ts'
import { slab } from '../../src/base/slab.ts'
import { movedBy } from './moved.ts'

/** Lays `payload` into the slab by way of `room` and `filled`. */
function lay(outbox: Outbox, payload: Uint8Array, room: number = payload.length): void {
  outbox.room(room)
  slab.buffer.set(payload, slab.used)
  outbox.filled(payload.length)
}

const bytes = (text: string) => Buffer.from(text)

test('nothing waits in a new box, and nothing is taken out of it', () => {
  const outbox = new Outbox()
  assert.equal(outbox.bytes, 0)
  assert.deepEqual(outbox.take(), [])
})

test('what is laid down in a row leaves as one piece, without a copy', () => {
  const outbox = new Outbox()
  lay(outbox, bytes('one'), 50)
  lay(outbox, bytes('two'))
  const memory = slab.buffer.buffer
  assert.equal(outbox.bytes, 6)
  const taken = outbox.take()
  assert.deepEqual(taken.map(String), ['onetwo'])
  assert.equal(taken[0]!.buffer, memory)
  assert.equal(outbox.bytes, 0)
  assert.deepEqual(outbox.take(), [])
})

test('a single pushed piece leaves as it is, and small neighbours are joined', () => {
  const outbox = new Outbox()
  const piece = bytes('piece')
  outbox.push(piece)
  assert.equal(outbox.take()[0], piece)
  lay(outbox, bytes('one '))
  outbox.push(bytes('two '))
  lay(outbox, bytes('three'))
  assert.deepEqual(outbox.take().map(String), ['one two three'])
})

test('a large piece is not copied, and keeps its place between small ones', () => {
  const outbox = new Outbox()
  const large = Buffer.alloc(20_000, 'x')
  lay(outbox, bytes('head'))
  outbox.push(large)
  lay(outbox, bytes('ta'))
  outbox.push(bytes('il'))
  const taken = outbox.take()
  assert.equal(taken.length, 3)
  assert.equal(taken[1], large)
  assert.equal(String(taken[2]), 'tail')
})

test('what several boxes are given alike leaves all of them from one place', () => {
  const [one, two, other] = [new Outbox(), new Outbox(), new Outbox()]
  const pieces = ['first ', 'second ', 'third'].map(bytes)
  for (const piece of pieces) {
    one.pushShared(piece)
    two.pushShared(piece)
    if (piece !== pieces[1]) other.pushShared(piece)
  }
  const taken = one.take()
  assert.deepEqual(taken.map(String), ['first second third'])
  assert.equal(two.take()[0], taken[0])
  assert.deepEqual(other.take().map(String), ['first third'])
  one.pushShared(pieces[0]!)
  assert.equal(one.take()[0], pieces[0])
})

test('what is shared keeps its place among what is not, and above 4 KiB is not copied', () => {
  const outbox = new Outbox()
  const large = Buffer.alloc(COPY_BYTES - 5, 'x')
  outbox.room(10)
  outbox.pushShared(bytes('one '))
  outbox.pushShared(bytes('two '))
  lay(outbox, bytes('three '))
  outbox.pushShared(bytes('four'))
  assert.deepEqual(outbox.take().map(String), ['one two three four'])
  outbox.pushShared(bytes('before'))
  outbox.pushShared(large)
  assert.deepEqual(outbox.take(), [bytes('before'), large])
})

test('borrowed memory is let go of when all up to its last byte has left, not before', () => {
  const outbox = new Outbox()
  const loan = borrow(10_000)
  lay(outbox, bytes('before'))
  outbox.pushLent(loan.bytes.subarray(0, 9_000), loan)
  lay(outbox, bytes('behind'))
  const idle = idleBytes()
  outbox.settle()
  outbox.take(100)
  outbox.settle()
  assert.deepEqual([outbox.lends, idleBytes()], [true, idle])
  outbox.take(9_000)
  outbox.settle()
  assert.equal(idleBytes(), idle + loan.bytes.length)
  assert.equal(outbox.bytes, 6)
  outbox.take()
  outbox.settle()
  assert.equal(outbox.lends, false)
})

test('borrowed memory of which nobody will say that it has left is not used again', () => {
  const outbox = new Outbox()
  const loan = borrow(10_000)
  outbox.pushLent(loan.bytes, loan)
  outbox.take()
  outbox.forget()
  const idle = idleBytes()
  outbox.settle()
  assert.deepEqual([outbox.lends, idleBytes()], [false, idle])
})

test('what was taken stays as it is, whatever is laid down after it', () => {
  const outbox = new Outbox()
  lay(outbox, bytes('first'), 100)
  const [first] = outbox.take()
  for (let round = 0; round < 200; round++) lay(outbox, Buffer.alloc(1000, 'x'))
  outbox.take()
  assert.equal(String(first), 'first')
})

test('room that was asked for and not used leaves no trace', () => {
  const outbox = new Outbox()
  outbox.room(100)
  assert.equal(outbox.bytes, 0)
  assert.equal(Buffer.concat(outbox.take()).length, 0)
  outbox.room(100)
  outbox.push(bytes('piece'))
  outbox.room(100)
  assert.deepEqual(outbox.take().map(String), ['piece'])
})

test('taken in portions of whole pieces, everything comes out in order, at least one piece at a time', () => {
  const outbox = new Outbox()
  const sizes = [10, 40_000, 20_000, 5, 70_000, 20_000, 20_000]
  for (const [number, size] of sizes.entries()) outbox.push(Buffer.alloc(size, number))
  const portions: number[] = []
  const all: Uint8Array[] = []
  for (let round = 0; outbox.bytes > 0; round++) {
    const taken = outbox.take(50_000)
    all.push(...taken)
    portions.push(taken.reduce((sum, piece) => sum + piece.length, 0))
    if (round === 0) lay(outbox, Buffer.alloc(3, sizes.length))
  }
  assert.deepEqual(portions, [40_010, 20_005, 70_000, 40_003])
  assert.ok(
    Buffer.concat(all).equals(Buffer.concat([...sizes, 3].map((size, number) => Buffer.alloc(size, number)))),
  )
  assert.deepEqual(outbox.take(50_000), [])
})

test('portions cost no more a piece the more pieces wait', async () => {
  const piece = Buffer.alloc(16_385)
  for (const pieces of [1_000, 100_000]) {
    const outbox = new Outbox()
    for (let count = 0; count < pieces; count++) outbox.push(piece)
    let taken = 0
    const moved = await movedBy(() => {
      while (outbox.bytes > 0) taken += outbox.take(1).length
    })
    assert.equal(taken, pieces)
    assert.ok(moved.slots <= 4 * pieces, `${moved.slots} slots moved for ${pieces} pieces`)
    assert.equal(moved.bytes, 0)
  }
})

test('boxes that share the slab keep their bytes apart and in order, whatever the sequence', () => {
  const size = fc.oneof(
    { weight: 8, arbitrary: fc.integer({ min: 0, max: 40 }) },
    { weight: 2, arbitrary: fc.integer({ min: 5000, max: 40_000 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(COPY_BYTES - 1, COPY_BYTES, COPY_BYTES + 1, 65_535, 65_536, 70_000),
    },
  )
  const step = fc.record({
    box: fc.nat({ max: 2 }),
    act: fc.constantFrom('lay', 'lay', 'lay', 'push', 'push', 'share', 'share', 'take', 'portion', 'room'),
    size,
    spare: fc.nat({ max: 50 }),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const boxes = [0, 1, 2].map(() => ({
        outbox: new Outbox(),
        due: [] as Buffer[],
        taken: [] as Buffer[],
      }))
      const shared = [3, 30, 300, 5_000].map((bytes) => Buffer.alloc(bytes, 0xf0 + bytes))
      const all: { readonly piece: Uint8Array; readonly seen: Buffer }[] = []
      const portion = ({ outbox, taken }: (typeof boxes)[number], most?: number) => {
        const before = outbox.bytes
        const pieces = outbox.take(most)
        for (const piece of pieces) all.push({ piece, seen: Buffer.from(piece) })
        taken.push(...pieces.map((piece) => Buffer.from(piece)))
        assert.equal(
          before - outbox.bytes,
          pieces.reduce((sum, piece) => sum + piece.length, 0),
        )
        assert.ok(before === 0 || pieces.length > 0)
        return pieces
      }
      const take = (box: (typeof boxes)[number]) => {
        const { outbox, due, taken } = box
        const pieces = portion(box)
        assert.ok(Buffer.concat(taken).equals(Buffer.concat(due)))
        assert.equal(outbox.bytes, 0)
        for (let at = 1; at < pieces.length; at++) {
          assert.ok(pieces[at - 1]!.length + pieces[at]!.length > COPY_BYTES, 'small neighbours are joined')
        }
      }
      for (const [number, { box, act, size, spare }] of steps.entries()) {
        const { outbox, due } = boxes[box]!
        if (act === 'take') take(boxes[box]!)
        if (act === 'portion') portion(boxes[box]!, size)
        if (act === 'room') outbox.room(size)
        if (act === 'take' || act === 'portion' || act === 'room') continue
        const payload = act === 'share' ? shared[size % shared.length]! : Buffer.alloc(size, number + 1)
        due.push(Buffer.from(payload))
        const before = outbox.bytes
        if (act === 'push') outbox.push(payload)
        else if (act === 'share') outbox.pushShared(payload)
        else lay(outbox, payload, size + spare)
        assert.equal(outbox.bytes, before + payload.length)
      }
      boxes.forEach(take)
      assert.ok(all.every(({ piece, seen }) => seen.equals(piece)))
    }),
    { numRuns: 150 },
  )
})

/** A box, what was put into it, and what was taken out: both since it was last settled. */
interface Watched {
  readonly outbox: Outbox
  put: Buffer
  taken: Uint8Array[]
}

test('memory that small ones lie in is not used again before they have left, however many boxes take turns', () => {
  const seldom = ['lay', 'lay', 'push', 'push', 'take', 'some'] as const
  const act = fc.record({
    box: fc.nat(2),
    what: fc.constantFrom(...seldom, ...seldom, 'lay', 'lay', 'push', 'take', 'settle', 'forget'),
    length: fc.constantFrom(5, 900, 4_000, 30_000),
  })
  fc.assert(
    fc.property(fc.array(act, { minLength: 200, maxLength: 400, size: 'max' }), (acts) => {
      const boxes = [0, 1, 2].map((): Watched => ({ outbox: new Outbox(), put: bytes(''), taken: [] }))
      const lasting: Watched[] = []
      const check = ({ put, taken }: Watched): number => {
        const whole = Buffer.concat(taken)
        assert.ok(whole.equals(put.subarray(0, whole.length)))
        return whole.length
      }
      for (const [index, { box, what, length }] of acts.entries()) {
        const watched = boxes[box]!
        const { outbox, put, taken } = watched
        if (what === 'take') taken.push(...outbox.take())
        else if (what === 'some') taken.push(...outbox.take(length))
        else if (what === 'lay' || what === 'push') {
          const payload = Buffer.alloc(length, index)
          if (what === 'lay') lay(outbox, payload)
          else outbox.push(payload)
          watched.put = Buffer.concat([put, payload])
        } else {
          const left = check(watched)
          // looked at for ever
          if (what === 'forget') lasting.push({ ...watched })
          outbox[what]()
          watched.put = put.subarray(left)
          watched.taken = []
        }
      }
      for (const watched of boxes) {
        watched.taken.push(...watched.outbox.take())
        assert.equal(check(watched), watched.put.length)
      }
      for (const watched of lasting) check(watched)
      for (const { outbox } of boxes) outbox.settle()
    }),
    { numRuns: 200 },
  )
})
