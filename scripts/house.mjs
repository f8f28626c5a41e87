// Knows where things stand in the house: its workspaces, what each is built from, and how a child is run.
import { spawn } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root of the repository. */
export const house = fileURLToPath(new URL('..', import.meta.url))

/**
 * What tsc is run on, in this order. `root` is the folder whose shape `out` repeats; `sources` are the folders
 * read; `assets`: files other than TypeScript are copied beside the output.
 */
export const projects = [
  {
    name: 'turnout',
    base: 'packages/turnout',
    config: 'tsconfig.json',
    root: 'src',
    sources: ['src'],
    out: 'dist',
  },
  {
    name: 'turnout tests',
    base: 'packages/turnout',
    config: 'tsconfig.test.json',
    root: '.',
    sources: ['src', 'test'],
    out: 'build',
    assets: true,
  },
  {
    name: 'examples',
    base: 'examples',
    config: 'tsconfig.json',
    root: 'src',
    sources: ['src'],
    out: 'dist',
    assets: true,
  },
  {
    name: 'examples tests',
    base: 'examples',
    config: 'tsconfig.test.json',
    root: '.',
    sources: ['src', 'test'],
    out: 'build',
    assets: true,
  },
  {
    name: 'bench',
    base: 'bench',
    config: 'tsconfig.json',
    root: 'src',
    sources: ['src'],
    out: 'dist',
    assets: true,
  },
  {
    name: 'bench tests',
    base: 'bench',
    config: 'tsconfig.test.json',
    root: '.',
    sources: ['src', 'test'],
    out: 'build',
  },
  {
    name: 'interop',
    base: 'interop',
    config: 'tsconfig.json',
    root: '.',
    sources: ['src', 'test'],
    out: 'dist',
    assets: true,
  },
]

/** Every file under a folder, sorted; none when the folder is not there. */
export function filesUnder(folder) {
  let names
  try {
    names = readdirSync(folder, { recursive: true })
  } catch {
    return []
  }
  return names
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile())
    .sort()
}

/** The path as it reads from the root of the repository. */
export function here(path) {
  return relative(house, path)
}

/**
 * Runs a program without input and resolves with its exit code (128 + n for a signal). `quiet` keeps what it
 * says and hands it to `onOutput` only.
 */
export function run(program, args, options = {}) {
  const { quiet = false, onOutput, env = process.env, cwd = house } = options
  return new Promise((resolve, reject) => {
    const piped = quiet || onOutput !== undefined
    const child = spawn(program, args, {
      cwd,
      env,
      stdio: ['ignore', ...Array(2).fill(piped ? 'pipe' : 'inherit')],
    })
    child.on('error', reject)
    if (piped) {
      child.stdout.on('data', (chunk) => onOutput?.(chunk))
      child.stderr.on('data', (chunk) => onOutput?.(chunk))
    }
    child.on('close', (code, signal) => resolve(code ?? (signal === null ? 1 : 128)))
  })
}

/** How npm is called: the one that runs us, else the one on the PATH. */
export function npm() {
  const path = process.env.npm_execpath
  if (path !== undefined && /npm-cli\.[cm]?js$/.test(path)) return [process.execPath, [path]]
  return process.platform === 'win32' ? ['cmd.exe', ['/d', '/s', '/c', 'npm']] : ['npm', []]
}

/** A heading that stands out in a log. */
export function heading(text) {
  console.log(`\n== ${text}`)
}
