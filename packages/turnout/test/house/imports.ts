// Knows how to read what a source file imports, and which imports the plan of the house forbids.
import { posix } from 'node:path'

/** A source file: its path below src/, with forward slashes, and its text. */
export interface Source {
  readonly path: string
  readonly text: string
}

export interface Import {
  readonly from: string
  /** Gone after compilation: `import type` or `export type`. */
  readonly typeOnly: boolean
}

/** From the ground up. Floors in one row stand side by side and do not see each other. */
const storeys: readonly (readonly string[])[] = [
  ['base'],
  ['http'],
  ['transport'],
  ['upgrade'],
  ['websocket'],
  ['topics', 'proxy', 'ws', 'testing'],
  ['turnout-options.ts'],
  ['turnout.ts'],
  ['index.ts'],
]

/**
 * The codecs and state machines: bytes and time go in, events and bytes come out. On the floor of WebSocket that
 * is every file but the shells, so that a new one is a core until it is named here.
 */
const cores: readonly RegExp[] = [
  /^base\/(?!clock\.ts$)/,
  /^http\//,
  /^websocket\/(?!(connection|shell|server|client|redirect|broadcast|whatwg|buffered-amount|stream|websocket-duplex|sight)\.ts$)/,
]

const shellModules = /^(node:)?(net|tls|http|https|http2|stream|timers|diagnostics_channel)(\/.*)?$/
const shellGlobals = /(?<![.\w$])(globalThis\.)?(setTimeout|setInterval|setImmediate)\b/

/** Everything in `sources` that breaks a rule of the house, one sentence each. */
export function violations(sources: readonly Source[]): string[] {
  const known = new Set(sources.map(({ path }) => path))
  const found: string[] = []
  const runtime = new Map<string, string[]>()

  for (const { path, text } of sources) {
    const own = storeyOf(path)
    if (own === -1) found.push(`${path} stands on no floor`)
    const core = cores.some((pattern) => pattern.test(path))
    const edges: string[] = []
    for (const { from, typeOnly } of importsOf(text)) {
      if (core && !typeOnly && shellModules.test(from)) found.push(`${path} is a core and imports ${from}`)
      if (!from.startsWith('.')) {
        if (!from.startsWith('node:')) found.push(`${path} imports ${from}, which is no module of Node`)
        continue
      }
      const target = posix.join(posix.dirname(path), from)
      if (!known.has(target)) {
        found.push(`${path} imports ${target}, which is not there`)
        continue
      }
      if (own !== -1 && storeyOf(target) > own) found.push(`${path} imports upward: ${target}`)
      if (storeyOf(target) === own && floorOf(target) !== floorOf(path)) {
        found.push(`${path} imports sideways: ${target}`)
      }
      if (!typeOnly) edges.push(target)
    }
    runtime.set(path, edges)
    if (!core) continue
    const word = shellGlobals.exec(withoutComments(text).code)
    if (word !== null) found.push(`${path} is a core and uses ${word[2]}`)
    if (/\b(createRequire|getBuiltinModule)\b/.test(text))
      found.push(`${path} is a core and loads modules in secret`)
  }
  const circle = circleIn(runtime)
  if (circle !== undefined) found.push(`circle: ${circle.join(' > ')}`)
  return found
}

/** Every module that a source names: import, export … from, import(). */
export function importsOf(text: string): Import[] {
  const { code, strings } = withoutComments(text)
  // Literals are numbered by now: "7" stands for the seventh.
  const pattern =
    /\b(import|export)(\s+type\b(?!\s*,|\s+from\b))?(?:\s*\(\s*|[\w\s{},*$]*?\bfrom\s*|\s*)"(\d+)"/g
  const imports: Import[] = []
  for (const [, , type, index] of code.matchAll(pattern)) {
    imports.push({ from: strings[Number(index)] ?? '', typeOnly: type !== undefined })
  }
  return imports
}

/**
 * The code without its comments, each string and template replaced by its number in quotes. An expression
 * inside a template stays code.
 */
function withoutComments(text: string): { code: string; strings: string[] } {
  const strings: string[] = []
  let code = ''
  let at = 0
  // Open templates: how many braces each has open in its current expression.
  const templates: number[] = []

  const template = (): void => {
    const start = at
    while (at < text.length && text[at] !== '`' && !text.startsWith('${', at)) at += text[at] === '\\' ? 2 : 1
    code += `"${strings.push(text.slice(start, at)) - 1}"`
    if (text[at] === '`') {
      at += 1
      return
    }
    at += 2
    code += '+('
    templates.push(0)
  }

  while (at < text.length) {
    const char = text[at] as string
    if (text.startsWith('//', at)) {
      const end = text.indexOf('\n', at)
      at = end === -1 ? text.length : end
    } else if (text.startsWith('/*', at)) {
      const end = text.indexOf('*/', at + 2)
      at = end === -1 ? text.length : end + 2
      code += ' '
    } else if (char === "'" || char === '"') {
      const start = at + 1
      at = start
      while (at < text.length && text[at] !== char) at += text[at] === '\\' ? 2 : 1
      code += `"${strings.push(text.slice(start, at)) - 1}"`
      at += 1
    } else if (char === '`') {
      at += 1
      template()
    } else if (char === '/' && /(?:^|[=(,:[!&|?{};+\-*%~^<>]|\breturn|\bcase)\s*$/.test(code.slice(-80))) {
      const [regex] = /^\/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\[\n])+\/\w*/.exec(text.slice(at)) ?? [char]
      at += regex.length
      code += regex.length > 1 ? '/regex/' : char
    } else {
      const depth = templates.at(-1)
      if (depth !== undefined && char === '{') templates[templates.length - 1] = depth + 1
      if (depth !== undefined && char === '}') {
        if (depth === 0) {
          templates.pop()
          at += 1
          code += ')+'
          template()
          continue
        }
        templates[templates.length - 1] = depth - 1
      }
      code += char
      at += 1
    }
  }
  return { code, strings }
}

function floorOf(path: string): string {
  return path.split('/')[0] as string
}

function storeyOf(path: string): number {
  return storeys.findIndex((floors) => floors.includes(floorOf(path)))
}

/** One circle in the graph, first and last the same, or undefined. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string): string[] | undefined => {
    const seen = trail.indexOf(path)
    if (seen !== -1) return [...trail.slice(seen), path]
    if (done.has(path)) return undefined
    trail.push(path)
    for (const next of graph.get(path) ?? []) {
      const circle = visit(next)
      if (circle !== undefined) return circle
    }
    trail.pop()
    done.add(path)
    return undefined
  }
  for (const path of graph.keys()) {
    const circle = visit(path)
    if (circle !== undefined) return circle
  }
  return undefined
}
