import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertOptions, meantBy, type OptionNames } from '../../src/base/option-names.ts'
import { unknownOptions } from './warnings.ts'

interface Inner {
  readonly perSecond?: number
}

interface Options {
  readonly maxBytes?: number
  readonly rate?: Inner | boolean
  readonly clock: object
}

const INNER: OptionNames<Inner> = { perSecond: true }
const NAMES: OptionNames<Options> = { maxBytes: true, rate: INNER, clock: true }

// @ts-expect-error a table that lacks a name does not compile
const lacking: OptionNames<Inner> = {}
// @ts-expect-error nor one with a name too many
const beyond: OptionNames<Inner> = { perSecond: true, perMinute: true }

test('a table of names is held against its type', () => {
  assert.deepEqual(Object.keys({ ...lacking, ...beyond }), ['perSecond', 'perMinute'])
})

test('known names, absent values and objects of a class inside pass without a word', async () => {
  class Clock {
    readonly other = 1
  }
  const heard = await unknownOptions(() => {
    assertOptions('here', { maxBytes: 1, rate: { perSecond: 2 }, clock: { any: 1 } }, NAMES)
    assertOptions('here', { maxByte: undefined, rate: new Clock(), clock: 1 }, NAMES)
    assertOptions('here', { rate: true }, NAMES)
  })
  assert.deepEqual(heard, [])
})

test('an unknown name is warned of, once for each place, with what was meant', async () => {
  const heard = await unknownOptions(() => {
    for (let i = 0; i < 3; i++) {
      assertOptions('one', { maxByte: 1, constructor: 2, rate: { persecond: 1 } }, NAMES)
    }
    assertOptions('two', { maxByte: 1 }, NAMES)
  })
  assert.deepEqual(heard, [
    'one has no option maxByte; did you mean maxBytes?',
    'one has no option constructor',
    'one: rate has no option persecond; did you mean perSecond?',
    'two has no option maxByte; did you mean maxBytes?',
  ])
})

test('what other libraries call it leads there, where that is known at all', () => {
  assert.equal(meantBy('maxPayload', { maxMessageBytes: true, maxHeld: true }), 'maxMessageBytes')
  assert.equal(meantBy('maxPayload', { grace: true }), undefined)
  assert.equal(meantBy('graceMs', { grace: true, code: true }), 'grace')
  assert.equal(meantBy('user', { clock: true }), undefined)
})

for (const [options, seen] of [
  [undefined, 'undefined'],
  [null, 'null'],
  [() => {}, 'a function'],
  [['a'], 'a list'],
  ['a', '"a"'],
  [1001, '1001'],
] as const) {
  test(`${seen} is no object of options`, () => {
    assert.throws(() => assertOptions('there', options, NAMES, '{ maxBytes: 1 }'), {
      name: 'MisuseError',
      code: 'ERR_INVALID_ARGUMENT',
      message: `there wants an object of options, such as { maxBytes: 1 }; this is ${seen}`,
    })
  })
}

test('names without end do not fill the memory, or the log', async () => {
  const heard = await unknownOptions(() => {
    for (let i = 0; i < 3_000; i++) assertOptions('flood', { [`zzz${i}`]: 1 }, NAMES)
  })
  assert.ok(heard.length > 0 && heard.length <= 200, String(heard.length))
})
