// Knows what comes with each library: its package, what it needs, where it runs.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findRuntime, missingRuntime } from '../places.ts'
import type { Contender } from './contender.ts'
import type { Row } from './row.ts'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly type?: string
  readonly exports?: unknown
  readonly browser?: unknown
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly scripts?: Readonly<Record<string, string>>
}

/** A package as it is installed here, and everything that it depends on. */
interface Installed {
  readonly folder: string
  readonly manifest: Manifest
}

const house = fileURLToPath(new URL('../../../../', import.meta.url))

export function installed(name: string, from: string = house): Installed {
  const paths = createRequire(join(from, 'package.json')).resolve.paths(name) ?? []
  const folder = paths.map((path) => join(path, name)).find((path) => existsSync(join(path, 'package.json')))
  if (folder === undefined) throw new Error(`${name} is not installed`)
  return { folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest }
}

function dependenciesOf(one: Installed, found = new Map<string, Installed>()): Map<string, Installed> {
  for (const name of Object.keys(one.manifest.dependencies ?? {})) {
    const next = installed(name, one.folder)
    if (found.has(next.folder)) continue
    found.set(next.folder, next)
    dependenciesOf(next, found)
  }
  return found
}

/** Files of the package itself, without those of packages inside it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (!entry.isDirectory()) return [path]
    return entry.name === 'node_modules' ? [] : filesOf(path)
  })
}

function row(fact: string, read: (one: Installed, contender: Contender) => string, short?: true): Row {
  return {
    fact,
    ...(short === true ? { short } : {}),
    check: async (contender) => read(installed(contender.package), contender),
  }
}

const dependencies = row(
  'Runtime dependencies: direct (all)',
  (one) => {
    const direct = Object.keys(one.manifest.dependencies ?? {}).length
    return direct === 0 ? '0' : `${direct} (${dependenciesOf(one).size})`
  },
  true,
)

const size = row('Installed size with them, about', (one) => {
  const published = (folder: string) =>
    filesOf(folder).filter(
      (path) => one.manifest.name !== 'turnout' || /^(dist|src)\//.test(path.slice(folder.length + 1)),
    )
  const folders = [one, ...dependenciesOf(one).values()].map(({ folder }) => folder)
  const bytes = folders.flatMap(published).reduce((sum, path) => sum + statSync(path).size, 0)
  const step = sizes.find((limit) => bytes <= limit * 1_000_000)
  return step === undefined ? 'more than 150 MB' : `at most ${step} MB`
})

const sizes = [0.2, 0.5, 1, 3, 10, 30, 100, 150]

const native = row('Native code', (one, contender) => {
  const all = [one, ...dependenciesOf(one).values()]
  const withBinaries = all.filter(({ folder }) => filesOf(folder).some((path) => path.endsWith('.node')))
  if (contender.name === 'uWebSockets.js') return withBinaries.includes(one) ? 'yes, C++ does the work' : 'no'
  const optional = Object.keys(
    (one.manifest as { peerDependencies?: Record<string, string> }).peerDependencies ?? {},
  ).filter((name) => name === 'bufferutil' || name === 'utf-8-validate')
  if (withBinaries.length > 0)
    return `in dependencies: ${withBinaries
      .map(({ manifest }) => manifest.name)
      .sort()
      .join(', ')}`
  return optional.length > 0 ? `optional: ${optional.sort().join(', ')}` : 'no'
})

const types = row('Types in the package', (one) =>
  filesOf(one.folder).some((path) => path.endsWith('.d.ts')) ? 'yes' : 'no',
)

const modules = row('Modules', (one) => {
  const json = JSON.stringify(one.manifest.exports ?? '')
  if (one.manifest.type === 'module') return json.includes('"require"') ? 'ESM and CommonJS' : 'ESM'
  return json.includes('"import"') ? 'CommonJS and ESM' : 'CommonJS'
})

const oldest = row('Oldest Node it names', (one, contender) => {
  if (contender.name !== 'uWebSockets.js')
    return one.manifest.engines?.node?.replace(/^>=|(\.0)+$/g, '') ?? 'none'
  const abis = filesOf(one.folder).flatMap(
    (path) => /binaries\/uws_linux_x64_(\d+)\.node$/.exec(path)?.[1] ?? [],
  )
  const versions: Record<string, string> = { '93': '16', '108': '18', '115': '20' }
  return `${abis
    .map((abi) => versions[abi] ?? abi)
    .sort()
    .join(', ')} only`
})

const since = row(
  'First year of its copyright',
  (one, contender) => {
    const texts = [
      'LICENSE',
      'LICENSE.md',
      'src/uws.js',
      'lib/websocket.js',
      'README.md',
      'lib/WebSocketServer.js',
      '../../LICENSE',
    ]
      .map((name) => join(one.folder, name))
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, 'utf8'))
    const pattern =
      contender.name === 'uWebSockets.js' ? /Authored by [^\d]*(\d{4})/ : /Copyright (?:\(c\) )?(\d{4})/
    return texts.map((text) => pattern.exec(text)?.[1]).find((year) => year !== undefined) ?? 'none'
  },
  true,
)

const browser = row('For browser bundles', (one) => {
  const { browser } = one.manifest
  if (typeof browser !== 'string') return 'nothing'
  const text = readFileSync(join(one.folder, browser), 'utf8')
  return /throw new Error/.test(text) && !/module\.exports\s*=\s*{/.test(text)
    ? 'a stub that throws'
    : "wraps the browser's own"
})

const client: Row = {
  fact: 'A client in the package',
  async check(contender) {
    const library = (await contender.load()) as Record<string, unknown>
    const found = ['connect', 'WebSocket', 'client', 'Client'].find(
      (name) => typeof library[name] === 'function' && contender.name !== 'engine.io',
    )
    if (found !== undefined) return 'yes'
    return contender.name === 'engine.io' ? 'no: engine.io-client' : 'no'
  },
}

const whatwg: Row = {
  fact: 'A `WebSocket` class as browsers have it',
  async check(contender) {
    const library = (await contender.load()) as Record<string, { prototype?: object } | undefined>
    const name = {
      turnout: 'WebSocket',
      ws: 'WebSocket',
      websocket: 'w3cwebsocket',
      'faye-websocket': 'Client',
    }[contender.name as string]
    const prototype = name === undefined ? undefined : library[name]?.prototype
    if (prototype === undefined) return 'no'
    // Its instances get their methods one by one.
    const looked =
      contender.name === 'websocket'
        ? new (library[name!] as never as new (url: string) => object)(nowhere)
        : prototype
    if (prototype instanceof EventTarget) return 'yes'
    return 'addEventListener' in looked || 'dispatchEvent' in looked ? 'alike, no `EventTarget`' : 'no'
  },
}

const nowhere = 'ws://127.0.0.1:9/'

function elsewhere(runtime: 'bun' | 'deno', title: string): Row {
  const binary = findRuntime(runtime)
  return {
    fact: `Echoes on ${title}`,
    cannot: () => missingRuntime(runtime),
    async check(contender) {
      const script = fileURLToPath(new URL('./runtime-child.js', import.meta.url))
      const child = spawn(
        binary ?? runtime,
        [...(runtime === 'deno' ? ['run', '-A'] : []), script, contender.name],
        {
          stdio: 'ignore',
          timeout: 20_000,
        },
      )
      const [code] = (await once(child, 'exit')) as [number | null]
      return code === 0 ? 'yes' : 'no'
    },
  }
}

export const packages: readonly Row[] = [
  dependencies,
  size,
  native,
  types,
  modules,
  oldest,
  elsewhere('bun', 'Bun'),
  elsewhere('deno', 'Deno'),
  client,
  whatwg,
  browser,
  since,
]
