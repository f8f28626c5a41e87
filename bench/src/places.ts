// Knows where a run is written to: what is published is written together, and by nothing but a run that may be.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Plan } from './arguments.ts'

export interface Places {
  readonly json: string
  readonly chart: string
}

/** Where every run is written to: as it says, or where Git does not look. */
export function placesOf({ json, chart }: Pick<Plan, 'json' | 'chart'>, root: string): Places {
  return {
    json: json ?? join(root, 'bench/out/results.json'),
    chart: chart ?? join(root, 'bench/out/bench.svg'),
  }
}

/** Where a run that is published is written to besides. */
export function publishedPlaces(root: string): Places {
  return { json: join(root, 'bench/results.json'), chart: join(root, 'docs/bench.svg') }
}

/** Writes a file and its folder; returns its path as it reads from here. */
export function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return relative('', path)
}
