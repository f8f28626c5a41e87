// Knows field lines: finding them as Node's rawHeaders gives them, and what may stand in one (RFC 9110 section 5).
import { MisuseError, shown } from '../base/errors.ts'
import { isPlain } from '../base/option-names.ts'
import type { Fields } from './message.ts'
import { assertToken, sameName } from './token.ts'

/**
 * The value of every line of that name, in order; the name in any case. Reads `rawHeaders` because Node
 * joins some repeated fields and drops others, and a repeated line is often the attack.
 */
export function fieldLines(rawHeaders: readonly string[], name: string): readonly string[] {
  let values: string[] | undefined
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (!sameName(rawHeaders[at]!, name)) continue
    // of the one or none that there mostly is, nothing is put by for more
    if (values === undefined) values = [rawHeaders[at + 1]!]
    else values.push(rawHeaders[at + 1]!)
  }
  return values ?? NONE
}

const NONE: readonly string[] = []

export function hasField(rawHeaders: readonly string[], name: string): boolean {
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (sameName(rawHeaders[at]!, name)) return true
  }
  return false
}

/** Tab, space, visible ASCII and the upper half of Latin-1; no CR, LF, NUL or other control. */
export function isFieldValue(value: string): boolean {
  return wrongAt(value) === -1
}

/** Where the first character stands that no field may carry; -1: there is none. */
function wrongAt(value: string): number {
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return at
  }
  return -1
}

/**
 * Lets a value pass that is safe to write into a field line.
 * @throws MisuseError ERR_INVALID_FIELD_VALUE for CR, LF, NUL, another control, or what Latin-1 lacks
 */
export function assertFieldValue(name: string, value: string): void {
  const at = typeof value === 'string' ? wrongAt(value) : 0
  if (at === -1) return
  throw new MisuseError('ERR_INVALID_FIELD_VALUE', `value of ${name} ${faultOf(value, at)}`, {
    section: 'RFC 9110 section 5.5',
  })
}

/** Never the value itself: it may be a token that was read with its line end. */
function faultOf(value: unknown, at: number): string {
  if (typeof value !== 'string') return `is a ${typeof value}, not a string`
  const code = value.codePointAt(at)!.toString(16).toUpperCase().padStart(4, '0')
  return `has U+${code} at index ${at}, which no field may carry`
}

/** @throws MisuseError ERR_INVALID_TOKEN for a name, ERR_INVALID_FIELD_VALUE for a value */
export function assertFields(fields: Fields): void {
  for (const [name, value] of fields) {
    assertToken('field name', name)
    assertFieldValue(name, value)
  }
}

/** What one field of the application says; a list makes a line of each value. */
export type GivenValue = string | number | readonly (string | number)[] | undefined

/** Fields as an application may give them: an object, a Headers, a Map, or pairs of name and value. */
export type GivenFields =
  | Readonly<Record<string, GivenValue>>
  | Headers
  | ReadonlyMap<string, GivenValue>
  | readonly (readonly [name: string, value: GivenValue])[]

/**
 * Field lines of what the application gave, checked; undefined as a value gives none.
 * @throws MisuseError as `assertFields`, and ERR_INVALID_ARGUMENT for what holds no fields
 */
export function fieldsOf(given: GivenFields): Fields {
  const fields: [string, string][] = []
  for (const [name, value] of entriesOf(given)) {
    if (value === undefined) continue
    assertToken('field name', name)
    if (Array.isArray(value)) for (const one of value) fields.push([name, lineOf(name, one)])
    else fields.push([name, lineOf(name, value)])
  }
  assertFields(fields)
  return fields
}

/**
 * The lines as Node's requests take them: an object with a list where there are several of a name, which stands as
 * it was spelled first. Nothing is inherited, so that a field may be called `constructor`.
 */
export function linesByName(fields: Fields): Record<string, string | string[]> {
  const lines: Record<string, string | string[]> = Object.create(null)
  const spelled = new Map<string, string>()
  for (const [name, value] of fields) {
    const lower = name.toLowerCase()
    const key = spelled.get(lower) ?? name
    spelled.set(lower, key)
    const before = lines[key]
    lines[key] = before === undefined ? value : [before, value].flat()
  }
  return lines
}

type Entry = readonly [name: string, value: unknown]

function entriesOf(given: unknown): readonly Entry[] {
  const pairs = pairsOf(given)
  if (pairs !== undefined) {
    if (pairs.every(isPair)) return pairs
    throw oddFields('a list that has more in it than pairs of name and value')
  }
  if (typeof given !== 'object' || given === null) throw oddFields(shown(given))
  const entries = Object.entries(given)
  // A promise, say: nothing of it would go out.
  if (entries.length === 0 && !isPlain(given)) throw oddFields('an object without a field in it')
  return entries
}

/** What can be read again and again; an iterator would be empty when the request is repeated. */
function pairsOf(given: unknown): readonly unknown[] | undefined {
  if (Array.isArray(given)) return given
  const { [Symbol.iterator]: iterate } = Object(given) as Partial<Iterable<unknown>>
  if (typeof given !== 'object' || given === null || typeof iterate !== 'function') return undefined
  if (iterate.call(given) === given) throw oddFields('an iterator, which can be read only once')
  return [...(given as Iterable<unknown>)]
}

function isPair(entry: unknown): entry is Entry {
  return Array.isArray(entry) && entry.length === 2
}

/** Numbers as in Node, where they are one. */
function lineOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (Number.isFinite(value)) return String(value)
  const kind = typeof value === 'number' || value === null ? String(value) : `of type ${typeof value}`
  throw new MisuseError(
    'ERR_INVALID_FIELD_VALUE',
    `value of ${name} is ${kind}, neither a string nor a number nor a list of them`,
    { section: 'RFC 9110 section 5.5' },
  )
}

function oddFields(seen: string): MisuseError {
  const wanted = 'an object of fields, a Headers, a Map or a list of pairs'
  return new MisuseError('ERR_INVALID_ARGUMENT', `\`headers\` is ${seen}, not ${wanted}`)
}
