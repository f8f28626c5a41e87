// Knows where the library stands, and reads what it is made of.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Source } from './imports.ts'

export const library = findLibrary()

/** @param folder of the library, such as `src` */
export function readSources(name: string): Source[] {
  const folder = join(library, name)
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => ({ path: name.split(sep).join('/'), text: readFileSync(join(folder, name), 'utf8') }))
}

/** The folder of the package: above this file, or, for a build that stands elsewhere, below where we run. */
function findLibrary(): string {
  for (let folder = fileURLToPath(new URL('.', import.meta.url)); ; folder = join(folder, '..')) {
    if (existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'src'))) return folder
    if (folder === join(folder, '..')) break
  }
  return join(process.cwd(), 'packages/turnout')
}
