// Knows every way in which an app may read the target of a request, so that nobody slips past a guard for a path by
// another spelling. Never says what a parameter stands for.
import { Buffer } from 'node:buffer'
import { parsePath, pathnameOf } from './path.ts'

/**
 * Whether a target may lead to one of the paths. A route that matches too little is asked for again; a guard that
 * does is open. So this one takes what any reading makes of a target: as it is written or percent-decoded, with its
 * dots resolved or not, slashes doubled, at the end or turned round, and whatever its case.
 * @throws MisuseError as `compilePath` does
 */
export function compileGuard(paths: readonly string[]): (target: string) => boolean {
  const guards = paths.map(guardOf)
  if (guards.length === 0) return () => false
  return (target) => {
    const readings = readingsOf(target)
    return guards.some((guard) => readings.some((texts) => isMatch(guard, texts)))
  }
}

interface Guard {
  /** Undefined: any text. */
  readonly texts: readonly (string | undefined)[]
  /** More may follow, or nothing. */
  readonly isOpen: boolean
}

/** A list of segments, in small letters, none of them empty. */
type Reading = readonly string[]

function guardOf(path: string): Guard {
  const segments = parsePath(path).filter(({ text }) => text !== '')
  const fixed = segments.filter(({ kind }) => kind !== 'rest')
  const texts = fixed.map(({ kind, text }) => (kind === 'literal' ? decode(text).toLowerCase() : undefined))
  return { texts, isOpen: fixed.length < segments.length }
}

function isMatch({ texts, isOpen }: Guard, reading: Reading): boolean {
  if (isOpen ? reading.length < texts.length : reading.length !== texts.length) return false
  return texts.every((text, index) => text === undefined || text === reading[index])
}

/** Nothing in it that could be read in two ways but its case and a final slash. */
const PLAIN = /^(?:\/[\w-]+)*\/?$/

function readingsOf(target: string): readonly Reading[] {
  // All of the server, and nothing on it (RFC 9112 section 3.2.4).
  if (target === '*') return []
  if (PLAIN.test(target)) return [readingOf(target.split('/'))]
  const pathnames = [pathnameOf(target), urlPathnameOf(target)]
  // Some take a semicolon for the question mark.
  const all = new Set(pathnames.flatMap((pathname) => [pathname, pathname.split(';', 1)[0]!]))
  return [...all].flatMap((pathname) => {
    const split = splitAtSlashes(pathname)
    // An encoded slash is part of a segment for some, and for others not.
    const splits = pathname.includes('%') ? [split.map(decode), splitAtSlashes(decode(pathname))] : [split]
    return splits.flatMap((texts) => [
      readingOf(texts),
      readingOf(withoutDots(texts)),
      readingOf(withoutDots(texts.filter(isSomething))),
    ])
  })
}

/** As `new URL` reads it, for which `//host/a` and `http:a` name a host, too. */
function urlPathnameOf(target: string): string {
  return URL.canParse(target, 'http://x') ? new URL(target, 'http://x').pathname : target
}

function splitAtSlashes(pathname: string): readonly string[] {
  return pathname.split(/[/\\]/)
}

/** RFC 3986 section 5.2.4. */
function withoutDots(texts: readonly string[]): readonly string[] {
  const left: string[] = []
  for (const text of texts) {
    if (text === '..') left.pop()
    else if (text !== '.') left.push(text)
  }
  return left
}

function readingOf(texts: readonly string[]): Reading {
  return texts.filter(isSomething).map((text) => text.toLowerCase())
}

function isSomething(text: string): boolean {
  return text !== ''
}

/** Leaves what cannot be decoded: an app that refuses it does so over TLS. */
function decode(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (bytes) =>
    Buffer.from(bytes.replaceAll('%', ''), 'hex').toString(),
  )
}
