import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MessageParts } from '../../src/websocket/options.ts'
import { letGo, type Part, sourceOf, TextEncoding } from '../../src/websocket/parts.ts'
import { turn } from '../base/turns.ts'

async function* later(): AsyncGenerator<string> {
  yield 'a'
  yield 'b'
}

/** The same parts from whatever can give them. */
const GIVERS: readonly [string, () => MessageParts][] = [
  ['an array', () => ['a', 'b']],
  ['a generator', () => new Set(['a', 'b']).values()],
  ['an iterable of promises', () => [Promise.resolve('a'), 'b'] as unknown as MessageParts],
  ['an async generator', later],
  ['a Readable', () => Readable.from(['a', 'b'])],
  ['a ReadableStream', () => ReadableStream.from(['a', 'b'])],
]

for (const [name, give] of GIVERS) {
  test(`${name} gives its parts in order, and its end`, async () => {
    const source = sourceOf(give())
    const seen: Part[] = []
    for (;;) {
      const { done, value } = await source.next()
      if (done) break
      seen.push(value)
    }
    assert.deepEqual(seen, ['a', 'b'])
  })

  test(`${name} can be let go of after the first`, async () => {
    const source = sourceOf(give())
    await source.next()
    letGo(source)
  })
}

test('what a source says to being let go of harms nobody', async () => {
  letGo({ next: () => assert.fail('none is wanted'), end: () => Promise.reject(new Error('late')) })
  letGo({
    next: () => assert.fail('none is wanted'),
    end: () => {
      throw new Error('at once')
    },
  })
  await turn()
})

test('text cut anywhere is the bytes of the whole, surrogates too', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', '\u00e9', '\u{1f600}', '\ud83d', '\ude00'),
    maxLength: 20,
  })
  fc.assert(
    fc.property(text, fc.array(fc.nat(20), { maxLength: 5 }), (whole, cuts) => {
      const places = [0, ...cuts.map((cut) => cut % (whole.length + 1)).sort((a, b) => a - b), whole.length]
      const encoding = new TextEncoding()
      const pieces = places.slice(1).map((place, at) => encoding.encode(whole.slice(places[at], place)))
      assert.deepEqual(Buffer.concat([...pieces, encoding.end()]), Buffer.from(whole))
    }),
  )
})
