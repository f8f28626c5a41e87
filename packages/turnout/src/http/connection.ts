// Knows the Connection field: which other fields and wishes concern this hop alone (RFC 9110 section 7.6.1).
import { splitList } from './list.ts'
import { isToken, sameName } from './token.ts'

/** The options in lower case. What is no token names no field and is left out. */
export function connectionOptions(lines: readonly string[]): Set<string> {
  const options = new Set<string>()
  for (const item of splitList(lines)) {
    if (isToken(item)) options.add(item.toLowerCase())
  }
  return options
}

/** Whether this option, given in any case, is among them. */
export function hasConnectionOption(lines: readonly string[], option: string): boolean {
  return splitList(lines).some((item) => sameName(item, option))
}
