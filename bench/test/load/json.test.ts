import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compressAlone } from '../../src/load/deflate.ts'
import { jsonText } from '../../src/load/json.ts'

test('a text has its length, is ASCII, and differs by its seed alone', () => {
  const texts = Array.from({ length: 64 }, (_, seed) => jsonText(1024, seed))
  assert.equal(new Set(texts).size, texts.length)
  for (const text of texts) assert.match(text, /^[\x20-\x7e]{1024}$/)
  assert.equal(jsonText(1024, 5), texts[5])
})

test('a text is JSON but for where it is cut', () => {
  const text = jsonText(16_384, 3)
  const records = JSON.parse(`${text.slice(0, text.lastIndexOf(',{'))}]`) as { readonly id: number }[]
  assert.ok(records.length > 50)
  assert.equal(new Set(records.map(({ id }) => id)).size, records.length)
})

test('a text shrinks as JSON does: much, but not like a constant', () => {
  for (const [bytes, least, most] of [
    [1024, 0.25, 0.5],
    [16_384, 0.12, 0.3],
  ] as const) {
    const fraction = compressAlone(Buffer.from(jsonText(bytes, 7)), 15).length / bytes
    assert.ok(fraction > least && fraction < most, `${bytes} B to ${fraction}`)
  }
})
