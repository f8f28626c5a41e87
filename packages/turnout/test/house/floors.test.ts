// Knows the plan of the house: floors, cores, no circles, no dependencies. Reads every import of the library.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { importsOf, type Source, violations } from './imports.ts'
import { library, readSources } from './sources.ts'

describe('the plan of the house', () => {
  it('imports point down only, without circles, and no core knows a socket or a timer', () => {
    const sources = readSources('src')
    assert.ok(sources.length > 0, 'no sources were found')
    assert.deepEqual(violations(sources), [])
  })

  it('the published package depends on nothing', () => {
    const description = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'))
    assert.equal(description.name, 'turnout')
    for (const kind of [
      'dependencies',
      'peerDependencies',
      'optionalDependencies',
      'bundleDependencies',
      'bundledDependencies',
    ]) {
      assert.equal(description[kind], undefined, kind)
    }
  })
})

describe('the reader of imports', () => {
  it('sees every form of import and tells types apart', () => {
    const text = `
      import type { A } from './a.ts'
      import { type B, b } from "./b.ts"
      import * as c from './c.ts'
      import d, { e } from './d.ts'
      import type from './named-type.ts'
      import type, { f } from './named-type-too.ts'
      import './effect.ts'
      export type { G } from './g.ts'
      export * from './h.ts'
      export {
        i,
        j,
      } from './i.ts'
      const k = await import('./k.ts')
    `
    assert.deepEqual(importsOf(text), [
      { from: './a.ts', typeOnly: true },
      { from: './b.ts', typeOnly: false },
      { from: './c.ts', typeOnly: false },
      { from: './d.ts', typeOnly: false },
      { from: './named-type.ts', typeOnly: false },
      { from: './named-type-too.ts', typeOnly: false },
      { from: './effect.ts', typeOnly: false },
      { from: './g.ts', typeOnly: true },
      { from: './h.ts', typeOnly: false },
      { from: './i.ts', typeOnly: false },
      { from: './k.ts', typeOnly: false },
    ])
  })

  it('is not misled by comments, strings, templates and regular expressions', () => {
    const text = [
      "// import './comment.ts'",
      "/* import './block.ts' */",
      'const a = "import \'./string.ts\'"',
      // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the source that is read
      "const b = `import './template.ts' ${a + `${'}'}`} import './rest.ts'`",
      "const c = /['\"`]/.test(a) && /[/'](?=x)/.test(b)",
      'export const d = 1',
      "import { e } from './real.ts'",
    ].join('\n')
    assert.deepEqual(importsOf(text), [{ from: './real.ts', typeOnly: false }])
  })
})

describe('the checker itself can fail', () => {
  const bad: readonly (readonly [title: string, sources: Record<string, string>, expected: string[]])[] = [
    [
      'an upward import, also of a type alone',
      {
        'base/a.ts': "import type { B } from '../http/b.ts'",
        'http/b.ts': "import { c } from '../index.ts'",
        'index.ts': '',
      },
      ['base/a.ts imports upward: http/b.ts', 'http/b.ts imports upward: index.ts'],
    ],
    [
      'an import from the floor beside',
      { 'topics/a.ts': "import { b } from '../proxy/b.ts'", 'proxy/b.ts': '' },
      ['topics/a.ts imports sideways: proxy/b.ts'],
    ],
    [
      'a circle of three on one floor',
      {
        'upgrade/a.ts': "import { b } from './b.ts'",
        'upgrade/b.ts': "export * from './c.ts'",
        'upgrade/c.ts': "const a = await import('./a.ts')",
      },
      ['circle: upgrade/a.ts > upgrade/b.ts > upgrade/c.ts > upgrade/a.ts'],
    ],
    [
      'a core that imports what only a shell may',
      {
        'base/a.ts': "import { setTimeout } from 'node:timers/promises'",
        'http/b.ts': "import { Socket } from 'net'\nimport { connect } from 'node:tls'",
        'websocket/session.ts': "import { Duplex } from 'node:stream'",
        'websocket/frame.ts':
          "export { request } from 'node:http'\nexport * from 'node:http2'\nimport 'node:https'",
      },
      [
        'base/a.ts is a core and imports node:timers/promises',
        'base/a.ts is a core and uses setTimeout',
        'http/b.ts is a core and imports net',
        'http/b.ts imports net, which is no module of Node',
        'http/b.ts is a core and imports node:tls',
        'websocket/session.ts is a core and imports node:stream',
        'websocket/frame.ts is a core and imports node:http',
        'websocket/frame.ts is a core and imports node:http2',
        'websocket/frame.ts is a core and imports node:https',
      ],
    ],
    [
      'a core that sets a timer without importing one, or loads a module by another door',
      {
        'http/a.ts': 'const t = setInterval(() => {}, 5)',
        'websocket/close.ts': 'globalThis.setTimeout(f, 1)',
        'websocket/text.ts': 'process.getBuiltinModule(name)',
        'websocket/new-idea.ts': 'setImmediate(f)',
      },
      [
        'http/a.ts is a core and uses setInterval',
        'websocket/close.ts is a core and uses setTimeout',
        'websocket/text.ts is a core and loads modules in secret',
        'websocket/new-idea.ts is a core and uses setImmediate',
      ],
    ],
    [
      'a package from the registry, a file that is not there, a file on no floor',
      { 'upgrade/a.ts': "import ws from 'ws'\nimport { b } from './b.ts'", 'utils/c.ts': '' },
      [
        'upgrade/a.ts imports ws, which is no module of Node',
        'upgrade/a.ts imports upgrade/b.ts, which is not there',
        'utils/c.ts stands on no floor',
      ],
    ],
  ]
  for (const [title, sources, expected] of bad) {
    it(`finds ${title}`, () => {
      assert.deepEqual(violations(listed(sources)), expected)
    })
  }

  it('lets pass what the plan allows', () => {
    const sources = {
      'base/clock.ts': 'const timer = setTimeout(ring, 5)',
      'base/chunks.ts': '// not setTimeout(ring)\nsocket.setTimeout(0)',
      'http/gate.ts': "import type { IncomingMessage } from 'node:http'\nimport { hash } from 'node:crypto'",
      'websocket/options.ts': "import type { Connection } from './connection.ts'",
      'websocket/connection.ts': "import { o } from './options.ts'\nimport { Duplex } from 'node:stream'",
      'turnout.ts': "import { c } from './websocket/connection.ts'",
      'index.ts': "export { createTurnout } from './turnout.ts'",
    }
    assert.deepEqual(violations(listed(sources)), [])
  })
})

function listed(sources: Readonly<Record<string, string>>): Source[] {
  return Object.entries(sources).map(([path, text]) => ({ path, text }))
}
