// Knows the small language of route paths: `/chat/:room`, `/files/*`. Matches what the client wrote, byte by byte.
import { MisuseError, shown } from '../base/errors.ts'
import type { Params } from './protocol.ts'

/**
 * A matcher for one path. `:name` stands for one segment that is not empty, a final `*` for all the rest, which
 * may be empty; both arrive percent-decoded. Everything else is compared as it is written: case and a final
 * slash count.
 * @throws MisuseError ERR_INVALID_ARGUMENT for a path that could never match
 */
export function compilePath(path: string): (pathname: string) => Params | undefined {
  const segments = parsePath(path)
  if (segments.every((segment) => segment.kind === 'literal')) {
    return (pathname) => (pathname === path ? NO_PARAMS : undefined)
  }
  return (pathname) => matchSegments(segments, pathname)
}

/** What is left of a path when the names of its parameters do not count: two routes of one shape are duplicates. */
export function pathShape(path: string): string {
  return parsePath(path)
    .map((segment) => `/${segment.kind === 'name' ? ':' : segment.text}`)
    .join('')
}

/** The path of a request target (RFC 9112 section 3.2), without the query: `/a?b` and `http://host/a?b` give `/a`. */
export function pathnameOf(target: string): string {
  const start = target.startsWith('/') ? 0 : pathStart(target)
  if (target.startsWith('/') && !target.includes('?') && !target.includes('#')) return target
  const end = target.slice(start).search(/[?#]/)
  const pathname = end === -1 ? target.slice(start) : target.slice(start, start + end)
  return pathname === '' ? '/' : pathname
}

type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'name'; readonly text: string }
  | { readonly kind: 'rest'; readonly text: '*' }

/** @throws MisuseError ERR_INVALID_ARGUMENT for a path that could never match */
export function parsePath(path: string): readonly Segment[] {
  if (typeof path !== 'string' || !path.startsWith('/')) {
    throw misuse(path, 'does not begin with a slash')
  }
  if (/:[^/?]*\?(\/|$)/.test(path)) {
    throw misuse(path, 'has an optional parameter, and there are none: register two routes')
  }
  if (/[?#\s]/.test(path)) throw misuse(path, 'has a query, a fragment or a space')
  if (/[{}[\]|]/.test(path))
    throw misuse(path, 'has an expression, and there are none but :name and a final *')
  const names = new Set<string>()
  const texts = path.slice(1).split('/')
  return texts.map((text, index): Segment => {
    if (text === '*') {
      if (index !== texts.length - 1) throw misuse(path, 'goes on after its *')
      return { kind: 'rest', text }
    }
    if (text.includes('*')) throw misuse(path, 'has a * that is no segment of its own')
    if (!text.startsWith(':')) return { kind: 'literal', text }
    const name = text.slice(1)
    if (!/^[A-Za-z_]\w*$/.test(name) || name === '__proto__')
      throw misuse(path, `has ${text}, which names no parameter`)
    if (names.has(name)) throw misuse(path, `has the parameter ${name} twice`)
    names.add(name)
    return { kind: 'name', text: name }
  })
}

const NO_PARAMS: Params = Object.freeze({})

function matchSegments(segments: readonly Segment[], pathname: string): Params | undefined {
  if (!pathname.startsWith('/')) return undefined
  const texts = pathname.slice(1).split('/')
  if (segments.at(-1)!.kind !== 'rest' && texts.length !== segments.length) return undefined
  const params: Record<string, string> = {}
  for (let index = 0; index < segments.length; index++) {
    const segment = segments[index]!
    const text = texts[index]
    if (text === undefined) return undefined
    if (segment.kind === 'literal') {
      if (text !== segment.text) return undefined
      continue
    }
    const value = decode(segment.kind === 'rest' ? texts.slice(index).join('/') : text)
    if (value === undefined || (value === '' && segment.kind === 'name')) return undefined
    params[segment.text] = value
  }
  return params
}

// Broken percent-encoding matches nothing, so that the app says what it thinks of it.
function decode(text: string): string | undefined {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function pathStart(target: string): number {
  const authority = target.indexOf('://')
  if (authority === -1) return 0
  const slash = target.slice(authority + 3).search(/[/?#]/)
  return slash === -1 ? target.length : authority + 3 + slash
}

function misuse(path: unknown, what: string): MisuseError {
  return new MisuseError('ERR_INVALID_ARGUMENT', `path ${shown(path)} ${what}`)
}
