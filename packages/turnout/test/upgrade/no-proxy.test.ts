import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bypasses } from '../../src/upgrade/no-proxy.ts'

const cases: readonly [list: string, reached: readonly string[], proxied: readonly string[]][] = [
  ['', [], ['a.example:80']],
  [' , ', [], ['a.example:80']],
  ['*', ['a.example:80', '10.0.0.1:443', '::1:80'], []],
  [
    'example.com',
    ['example.com:80', 'EXAMPLE.com:443', 'a.b.example.com:80', 'example.com.:80'],
    ['notexample.com:80', 'com:80'],
  ],
  [
    'localhost., Example.com.:81, .below.example.',
    ['localhost:80', 'localhost.:80', 'a.example.com:81', 'a.below.example:80'],
    ['example.com:80', 'below.example:80'],
  ],
  ['.', [], ['a.example:80', '127.0.0.1:80']],
  ['.example.com', ['a.example.com:80'], ['example.com:80', 'aexample.com:80']],
  ['*.Example.com', ['a.example.com:80'], ['example.com:80']],
  ['one, two three,\tfour', ['one:80', 'two:80', 'three:80', 'four:80'], ['five:80']],
  ['a.example:8080', ['a.example:8080', 'b.a.example:8080'], ['a.example:80']],
  ['127.0.0.1', ['127.0.0.1:80'], ['127.0.0.11:80', '1.127.0.0.1.example:80']],
  ['0.0.1', [], ['127.0.0.1:80']],
  ['127.0.0.1:81', ['127.0.0.1:81'], ['127.0.0.1:80']],
  ['10.0.0.0/8', ['10.1.2.3:80'], ['11.0.0.1:80', 'a.example:80', '::1:80']],
  ['10.0.0.0/8:81', [], ['10.1.2.3:80']],
  ['10.0.0.0/33, 10.0.0.0/, 10.0.0.0/-1, x/8', [], ['10.1.2.3:80']],
  ['::1', ['::1:80', '::1:443'], ['::2:80', '127.0.0.1:80']],
  ['0:0:0:0:0:0:0:1', ['::1:80'], []],
  ['[::1]:81', ['::1:81'], ['::1:80']],
  ['fd00::/8', ['fd12::1:80'], ['fe80::1:80']],
]

for (const [list, reached, proxied] of cases) {
  test(`NO_PROXY of '${list}'`, () => {
    for (const place of [...reached, ...proxied]) {
      const colon = place.lastIndexOf(':')
      const target = { host: place.slice(0, colon), port: Number(place.slice(colon + 1)) }
      assert.equal(bypasses(list, target), reached.includes(place), place)
    }
  })
}
