// Knows which other runtimes the tests run on, and fetches them from the npm registry into .runtimes/.
//
//   node scripts/runtimes.mjs [node22] [node24] [node26] [bun] [deno]      (without a name: all of them)
//
// The packages that hold the binaries are named for this platform directly: their wrappers fetch them in install
// scripts, which npm does not run unless told to.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { house, npm, run } from './house.mjs'

const platform = `${process.platform}-${process.arch}`
const bunArch = process.arch === 'arm64' ? 'aarch64' : process.arch
const denoPlatform = process.platform === 'linux' ? `${platform}-glibc` : platform

/** name: the package, its version, and where the binary lies in it. */
export const runtimes = {
  node22: { package: `node-${platform}`, version: '22.23.3', binary: 'bin/node' },
  node24: { package: `node-${platform}`, version: '24.21.0', binary: 'bin/node' },
  node26: { package: `node-${platform}`, version: '26.10.0', binary: 'bin/node' },
  bun: { package: `@oven/bun-${process.platform}-${bunArch}`, version: '1.4.5', binary: 'bin/bun' },
  deno: { package: `@deno/${denoPlatform}`, version: '2.9.6', binary: 'deno' },
}

/** Where the binary is once it was fetched. */
export function runtimePath(name) {
  const { binary } = runtimes[name]
  return join(house, '.runtimes', name, 'node_modules', 'runtime', binary)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(runtimes)
  for (const name of names) {
    if (runtimes[name] === undefined) {
      console.error(`no such runtime: ${name} (there are ${Object.keys(runtimes).join(', ')})`)
      process.exit(2)
    }
    if (!(await fetchRuntime(name))) process.exit(1)
    console.log(`${name} ${runtimes[name].version}: ${runtimePath(name)}`)
  }
}

async function fetchRuntime(name) {
  const { package: source, version } = runtimes[name]
  const isThere = () => existsSync(runtimePath(name))
  return (await fetchPackages(name, { runtime: `npm:${source}@${version}` }, isThere)) !== undefined
}

/**
 * Has npm put packages of exactly these versions into `.runtimes/<name>`, unless they are there.
 * @returns the folder; undefined where npm could not
 */
export async function fetchPackages(name, dependencies, isWhole = () => true) {
  const folder = join(house, '.runtimes', name)
  const isThere = ([wanted, spec]) => fetchedVersion(folder, wanted) === spec.slice(spec.lastIndexOf('@') + 1)
  if (Object.entries(dependencies).every(isThere) && isWhole()) return folder
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, dependencies }, null, 2)}\n`)
  const [program, args] = npm()
  const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--no-package-lock', '--ignore-scripts']
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    if ((await run(program, [...args, 'install', ...quiet], { cwd: folder })) === 0) return folder
    console.error(`${name}: npm could not fetch ${Object.values(dependencies)}, attempt ${attempt} of 3`)
  }
  return undefined
}

function fetchedVersion(folder, name) {
  const description = join(folder, 'node_modules', name, 'package.json')
  return existsSync(description) ? JSON.parse(readFileSync(description, 'utf8')).version : undefined
}
