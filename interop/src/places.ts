// Knows where the programs lie that we are tried against.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { findProgram } from './child.ts'

const runtimes = fileURLToPath(new URL('../../../.runtimes/', import.meta.url))

/** A runtime fetched by scripts/runtimes.mjs, else one on the PATH. */
export function findRuntime(name: 'node24' | 'bun' | 'deno'): string | undefined {
  const binary = { node24: 'bin/node', bun: 'bin/bun', deno: 'deno' }[name]
  const fetched = `${runtimes}${name}/node_modules/runtime/${binary}`
  return name === 'node24' ? findProgram(fetched) : findProgram(fetched, name)
}

export function missingRuntime(name: 'node24' | 'bun' | 'deno'): string | undefined {
  return findRuntime(name) === undefined
    ? `${name} is not there: node scripts/runtimes.mjs ${name}`
    : undefined
}

/** A Python that has the package websockets: Debian's first, for it is Debian's package. */
export function findPython(): string | undefined {
  python ??= ['/usr/bin/python3', 'python3'].find(
    (name) => spawnSync(name, ['-c', 'import websockets'], { stdio: 'ignore' }).status === 0,
  )
  return python
}

let python: string | undefined

/** A file that lies beside the compiled ones. */
export function beside(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
