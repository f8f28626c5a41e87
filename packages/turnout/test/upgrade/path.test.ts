import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MisuseError } from '../../src/base/errors.ts'
import { compilePath, pathnameOf, pathShape } from '../../src/upgrade/path.ts'

for (const [path, pathname, params] of [
  ['/', '/', {}],
  ['/ws', '/ws', {}],
  ['/ws', '/ws/', undefined],
  ['/ws', '/WS', undefined],
  ['/ws', '/ws2', undefined],
  ['/a%20b', '/a%20b', {}],
  ['/chat/:room', '/chat/lobby', { room: 'lobby' }],
  ['/chat/:room', '/chat/a%20%C3%A9', { room: 'a é' }],
  ['/chat/:room', '/chat/a%2Fb', { room: 'a/b' }],
  ['/chat/:room', '/chat/', undefined],
  ['/chat/:room', '/chat', undefined],
  ['/chat/:room', '/chat/a/b', undefined],
  ['/chat/:room', '/chat/%zz', undefined],
  ['/:a/x/:b_2', '/1/x/2', { a: '1', b_2: '2' }],
  ['/:a/x/:b_2', '/1/y/2', undefined],
  ['/*', '/', { '*': '' }],
  ['/*', '/a/b', { '*': 'a/b' }],
  ['/*', '*', undefined],
  ['/files/*', '/files/a%20b/c', { '*': 'a b/c' }],
  ['/files/*', '/files/', { '*': '' }],
  ['/files/*', '/files', undefined],
  ['/files/*', '/file/x', undefined],
  ['/:user/*', '/eve/a', { user: 'eve', '*': 'a' }],
] as const) {
  test(`${path} ${params === undefined ? 'leaves' : 'takes'} ${pathname}`, () => {
    const found = compilePath(path)(pathname)
    assert.deepEqual(found, params)
  })
}

for (const path of [
  '',
  'ws',
  '*',
  '/a?b',
  '/a#b',
  '/a b',
  '/*/b',
  '/:',
  '/:1',
  '/:a-b',
  '/:a/:a',
  '/:__proto__',
]) {
  test(`the path ${JSON.stringify(path)} is misuse`, () => {
    const isMisuse = (error: unknown) => error instanceof MisuseError && error.code === 'ERR_INVALID_ARGUMENT'
    assert.throws(() => compilePath(path), isMisuse)
  })
}

test('the names of parameters do not make another shape', () => {
  assert.equal(pathShape('/chat/:room/*'), pathShape('/chat/:id/*'))
  assert.notEqual(pathShape('/chat/:room'), pathShape('/chat/room'))
  assert.notEqual(pathShape('/chat/:room'), pathShape('/chat/*'))
})

for (const [target, pathname] of [
  ['/', '/'],
  ['/a/b?c=/d', '/a/b'],
  ['/a#b', '/a'],
  ['/?', '/'],
  ['//a/b', '//a/b'],
  ['*', '*'],
  ['http://host/a?b', '/a'],
  ['http://host', '/'],
  ['http://host?b', '/'],
  ['', '/'],
] as const) {
  test(`RFC 9112 section 3.2: the path of ${JSON.stringify(target)} is ${pathname}`, () => {
    assert.equal(pathnameOf(target), pathname)
  })
}

for (const [path, what] of [
  ['/a/(x|y)', /has an expression/],
  ['/a/[id]', /has an expression/],
  ['/a/{id}', /has an expression/],
  ['/a/**', /has a \* that is no segment of its own/],
  ['/a/x*', /has a \* that is no segment of its own/],
] as const) {
  test(`${path} is no path of ours`, () => {
    assert.throws(() => compilePath(path), { code: 'ERR_INVALID_ARGUMENT', message: what })
  })
}

test('an optional parameter is told from a query', () => {
  for (const path of ['/a/:b?', '/:b?/c']) {
    assert.throws(() => compilePath(path), {
      code: 'ERR_INVALID_ARGUMENT',
      message: `path "${path}" has an optional parameter, and there are none: register two routes`,
    })
  }
  assert.throws(() => compilePath('/a?b'), { message: /has a query/ })
})
