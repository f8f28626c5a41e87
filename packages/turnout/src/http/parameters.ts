// Knows an element with parameters, `name; a=1; b="two"; c` (RFC 9110 sections 5.6.4 and 5.6.6).
import { isFieldValue } from './fields.ts'
import { assertToken, isToken } from './token.ts'

/** A value of undefined is a parameter without `=`. */
export type Parameter = readonly [name: string, value: string | undefined]

export interface ParameterizedItem {
  readonly name: string
  readonly parameters: readonly Parameter[]
}

/**
 * Reads one list element that was trimmed already. Quoted values come out unquoted. Space around `;` is part
 * of the grammar; around `=` nobody may send it, but RFC 6455 section 4.3 inherits a rule that lets it pass,
 * so it is read. Undefined: malformed. An empty parameter (`a;`) is malformed too.
 */
export function parseParameters(
  item: string,
): { name: string; parameters: [name: string, value: string | undefined][] } | undefined {
  const nameEnd = tokenEnd(item, 0)
  if (nameEnd === 0) return undefined
  const parameters: [string, string | undefined][] = []
  let at = nameEnd
  while (at < item.length) {
    at = skipSpace(item, at)
    if (item[at] !== ';') return undefined
    const start = skipSpace(item, at + 1)
    const end = tokenEnd(item, start)
    if (end === start) return undefined
    const name = item.slice(start, end)
    const equals = skipSpace(item, end)
    if (item[equals] !== '=') {
      parameters.push([name, undefined])
      at = end
      continue
    }
    const value = readValue(item, skipSpace(item, equals + 1))
    if (value === undefined) return undefined
    parameters.push([name, value.text])
    at = value.end
  }
  return { name: item.slice(0, nameEnd), parameters }
}

/**
 * Writes a list element; a value that is no token is quoted.
 * @throws MisuseError ERR_INVALID_TOKEN for a name, or for a value that not even quotes can carry
 */
export function formatParameters(item: ParameterizedItem): string {
  assertToken('element name', item.name)
  let text = item.name
  for (const [name, value] of item.parameters) {
    assertToken('parameter name', name)
    text += value === undefined ? `; ${name}` : `; ${name}=${formatValue(name, value)}`
  }
  return text
}

function formatValue(name: string, value: string): string {
  if (isToken(value)) return value
  if (!isFieldValue(value)) assertToken(`value of parameter ${name},`, value)
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

function readValue(item: string, start: number): { text: string; end: number } | undefined {
  if (item[start] === '"') return readQuoted(item, start + 1)
  const end = tokenEnd(item, start)
  return end === start ? undefined : { text: item.slice(start, end), end }
}

function readQuoted(item: string, start: number): { text: string; end: number } | undefined {
  let text = ''
  for (let at = start; at < item.length; at++) {
    let char = item[at]!
    if (char === '"') return isFieldValue(text) ? { text, end: at + 1 } : undefined
    if (char === '\\') {
      at++
      if (at === item.length) return undefined
      char = item[at]!
    }
    text += char
  }
  return undefined
}

function tokenEnd(item: string, start: number): number {
  let end = start
  while (end < item.length && isToken(item[end]!)) end++
  return end
}

function skipSpace(item: string, start: number): number {
  let at = start
  while (item[at] === ' ' || item[at] === '\t') at++
  return at
}
