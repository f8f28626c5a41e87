// Knows the Upgrade field: a list of protocols in the sender's order of preference (RFC 9110 section 7.8).
import { splitList } from './list.ts'
import type { Protocol } from './message.ts'
import { assertToken, isToken } from './token.ts'

export { sameName } from './token.ts'

export interface UpgradeList {
  /** What could be read, in order. */
  readonly protocols: Protocol[]
  /** An entry was no protocol: the field as a whole is not to be trusted. */
  readonly malformed: boolean
}

export function parseUpgrade(lines: readonly string[]): UpgradeList {
  const protocols: Protocol[] = []
  let malformed = false
  for (const item of splitList(lines)) {
    const protocol = parseProtocol(item)
    if (protocol === undefined) malformed = true
    else protocols.push(protocol)
  }
  return { protocols, malformed }
}

/** `name` or `name/version`, both tokens; undefined for anything else. */
export function parseProtocol(text: string): Protocol | undefined {
  const slash = text.indexOf('/')
  if (slash === -1) return isToken(text) ? { name: text, version: undefined } : undefined
  const name = text.slice(0, slash)
  const version = text.slice(slash + 1)
  return isToken(name) && isToken(version) ? { name, version } : undefined
}

/** @throws MisuseError ERR_INVALID_TOKEN */
export function formatProtocol(protocol: Protocol): string {
  assertToken('protocol name', protocol.name)
  if (protocol.version === undefined) return protocol.name
  assertToken('protocol version', protocol.version)
  return `${protocol.name}/${protocol.version}`
}
