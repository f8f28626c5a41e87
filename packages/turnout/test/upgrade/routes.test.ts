import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Routes } from '../../src/upgrade/routes.ts'

for (const [protocol, first, second, message] of [
  ['websocket', '/a', '/a', 'websocket on /a is taken already'],
  ['websocket', '/:a', '/:b', 'websocket on /:b is taken already, by websocket on /:a'],
  ['h2c', undefined, undefined, 'h2c on every path is taken already'],
] as const) {
  test(`a second route for the same is misuse: ${message}`, () => {
    const routes = new Routes()
    routes.add(protocol, first)
    assert.throws(() => routes.add(protocol, second), {
      name: 'MisuseError',
      code: 'ERR_DUPLICATE_ROUTE',
      message,
    })
  })
}

test('another protocol, and another shape of path, is another route', () => {
  const routes = new Routes()
  for (const path of ['/a', '/:a', '/a/*', undefined]) {
    routes.add('websocket', path)
    routes.add('foo', path)
  }
})

test('each route and protocol is counted by itself, those of one name together, and the rest at the end', () => {
  const routes = new Routes()
  const chat = routes.tallyOf('/chat', 'websocket')
  const any = routes.tallyOf(undefined, 'foo')
  assert.notEqual(routes.tallyOf('/chat', 'foo'), chat)
  assert.equal(routes.tallyOf('/chat', 'websocket'), chat)
  assert.equal(routes.tallyOf('*', 'foo'), any)
  assert.deepEqual(
    routes.tallies.map(({ route, protocol }) => [route, protocol]),
    [
      ['/chat', 'websocket'],
      ['*', 'foo'],
      ['/chat', 'foo'],
      ['', ''],
    ],
  )
  assert.equal(routes.tallies.at(-1), routes.unasked)
})
