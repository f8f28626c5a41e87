// Knows field lines: finding them as Node's rawHeaders gives them, and what may stand in one (RFC 9110 section 5).
import { MisuseError } from '../base/errors.ts'
import type { Fields } from './message.ts'
import { assertToken, sameName } from './token.ts'

/**
 * The value of every line of that name, in order; the name in any case. Reads `rawHeaders` because Node
 * joins some repeated fields and drops others, and a repeated line is often the attack.
 */
export function fieldLines(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (sameName(rawHeaders[at]!, name)) values.push(rawHeaders[at + 1]!)
  }
  return values
}

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

/**
 * Field lines of a plain object, checked; an array gives one line for each value, undefined gives none.
 * @throws MisuseError as `assertFields`
 */
export function fieldsOf(headers: Record<string, string | readonly string[] | undefined>): Fields {
  const fields: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    if (typeof value === 'string') fields.push([name, value])
    else for (const line of value) fields.push([name, line])
  }
  assertFields(fields)
  return fields
}
