// Knows where node and bun are, and what else the results must say about the machine.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Peer } from './peers.ts'

export interface Runtimes {
  readonly node: string
  readonly bun: string | undefined
  /** Where each measured node process leaves a CPU profile. */
  readonly profileFolder: string | undefined
}

export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly bun: string | undefined
  /** At the start: what else was going on. */
  readonly loadAverage: number
}

/** Bun as it may be about: among the house's runtimes, as an npm package, on the path. */
export function findBun(root: string): string | undefined {
  const architecture = process.arch === 'arm64' ? 'aarch64' : process.arch
  const places = [
    fetched(root, 'bun'),
    join(root, `node_modules/@oven/bun-${process.platform}-${architecture}/bin/bun`),
    ...(process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, 'bun')),
  ]
  return places.find((place) => existsSync(place) && versionOf(place) !== undefined)
}

/** A Node by its path, or as `26` by the name under which the house fetched it. */
export function findNode(root: string, wanted: string): string | undefined {
  return [fetched(root, `node${wanted}`), wanted].find((place) => versionOf(place) !== undefined)
}

/** Where `scripts/runtimes.mjs` puts a runtime. */
function fetched(root: string, name: string): string {
  const program = name === 'bun' ? 'bun' : 'node'
  return join(root, '.runtimes', name, 'node_modules/runtime/bin', program)
}

/** What a runtime says to `--version`; undefined when it does not run. */
export function versionOf(runtime: string): string | undefined {
  try {
    return execFileSync(runtime, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}

export function describeMachine(runtimes: Runtimes): Machine {
  return {
    processor: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${process.platform} ${release()}`,
    node: versionOf(runtimes.node) ?? 'unknown',
    bun: runtimes.bun === undefined ? undefined : versionOf(runtimes.bun),
    loadAverage: loadavg()[0] ?? 0,
  }
}

/** Versions of a peer's packages as they are installed: `ws 8.23.0`. */
export function versionsOf({ packages, server }: Peer): string {
  const versions = packages.map((name) => `${name} ${packageVersion(name)}`)
  // What runs in another Node than the rest says so.
  if (server?.runtime === 'home') versions.push(`Node ${process.versions.node}`)
  return versions.join(', ')
}

function packageVersion(name: string): string {
  const { paths } = createRequire(import.meta.url).resolve
  for (const folder of paths(name) ?? []) {
    const place = join(folder, name, 'package.json')
    if (existsSync(place)) return (JSON.parse(readFileSync(place, 'utf8')) as { version: string }).version
  }
  return 'not installed'
}
