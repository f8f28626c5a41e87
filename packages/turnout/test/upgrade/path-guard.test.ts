import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileGuard } from '../../src/upgrade/path-guard.ts'

const held: readonly (readonly [path: string, ...targets: string[]])[] = [
  ['/', '/', '/?a', '//', '/.', '/a/..', 'http://house.example'],
  ['/secret', '/secret', '/secret?a', '/secret#a', '/secret/', '/SECRET', '/Secret/'],
  ['/secret', '/%73ecret', '/%73%65%63%72%65%74', '/%53ECRET', '/secret%2F'],
  ['/secret', '//secret', '/secret//', '/\\secret', '/%2Fsecret', '/%5Csecret'],
  ['/secret', '/a/../secret', '/a/%2e%2E/secret', '/./secret', '/../secret', '/a%2F..%2Fsecret'],
  ['/secret', '/a//../secret', '/a/b/../../secret/.'],
  ['/a/secret', '/a//../secret', '/a/%2F../secret'],
  [
    '/secret',
    'http://house.example/secret?a',
    'HTTP://x/%73ecret',
    'secret',
    'http:secret',
    'http://x\\secret',
  ],
  ['/secret', '//house.example/secret', '/\\house.example/secret', '/secret;a=1', '/secret;/../x'],
  ['/secret/', '/secret', '/secret/'],
  ['/Secret', '/secret'],
  ['/a%20b', '/a%20b', '/A%20B', '/a b'],
  ['/café', '/caf%C3%A9', '/CAF%C3%89'],
  ['/admin/*', '/admin/x', '/admin/', '/admin', '/ADMIN', '/%61dmin/x', '/admin%2Fx', '/admin/a/b'],
  ['/admin/*', '/admin/100%', '/admin/%', '/admin/%zz', '/admin/%FF', '/%61dmin/%FF', '/admin/../x'],
  ['/admin/*', '/x/../admin/100%', '//admin//x', '/admin;a/x'],
  ['/p/:id', '/p/1', '/P/1/', '/p/%zz', '/p/a%2Fb', '/%70/a%2Fb', '/p//1', '/p/.', '/p/..'],
  ['/:a/x/:b', '/1/x/2', '/1/%58/2'],
  ['/*', '/', '/a', '//', '/%zz', 'a', 'http://house.example'],
]
for (const [path, ...targets] of held) {
  test(`a guard for ${path} holds ${targets.join(' ')}`, () => {
    const isGuarded = compileGuard(['/elsewhere', path])
    assert.deepEqual(
      targets.filter((target) => !isGuarded(target)),
      [],
    )
  })
}

test('what no reading leads to goes by', () => {
  const isGuarded = compileGuard(['/secret', '/admin/*', '/p/:id'])
  for (const target of [
    ...['/', '/secrets', '/secret/x', '/a/secret', '/administrator', '/adm', '/p', '/p/1/2', '/q/1'],
    ...['/?/secret', '/a?b=/../secret', '/%2561dmin/x', '/public/%zz', '/..', '*', 'http://secret/admins'],
  ]) {
    assert.equal(isGuarded(target), false, target)
  }
})

test('a guard for nothing holds nothing, one for what is no path is misuse', () => {
  assert.equal(compileGuard([])('/'), false)
  assert.throws(() => compileGuard(['/a', 'b']), { code: 'ERR_INVALID_ARGUMENT' })
})
