// Writes the names and numbers that IANA registered into packages/turnout/src/websocket/registry.ts.
//
//   node scripts/registry.mjs [folder with the registries, default ../shared/iana] [--check]
//
// Reads http-upgrade-tokens.txt, websocket.txt and websocket-subprotocols.txt as IANA publishes them as text.
// With --check it writes nothing and fails when the file in the repository says something else.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { house } from './house.mjs'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { check: { type: 'boolean' } } })
const folder = positionals[0] ?? join(house, '../shared/iana')
const target = join(house, 'packages/turnout/src/websocket/registry.ts')

const read = (name) => readFileSync(join(folder, name), 'utf8')
const tokens = read('http-upgrade-tokens.txt')
const websocket = read('websocket.txt')
const subprotocols = read('websocket-subprotocols.txt')
  .split('\n')
  .map((line) => line.trim())
  .filter(Boolean)

/** The date that a registry bears. */
const date = (text) => /Last Updated\s+(\d{4}-\d{2}-\d{2})/.exec(text)[1]

/** The first words of the rows of the table below a heading. */
function firstColumn(text, heading) {
  const rows = text.slice(text.indexOf(heading)).split('\n').slice(1)
  const end = rows.findIndex((row, index) => index > 0 && row.trim() === '')
  return rows.slice(0, end).map((row) => row.trim().split(/\s+/)[0])
}

const upgradeTokens = firstColumn(tokens, 'Value     ')
const extensions = firstColumn(websocket, 'Extension Identifier   ')

/** `1001        Going Away   …`; ranges and codes without a meaning are left out. */
const codes = [...websocket.matchAll(/^ {3}(\d{4}) {2,}(\S.*?)(?: {2,}.*)?$/gm)]
  .map(([, code, meaning]) => [Number(code), meaning.trim()])
  .filter(([, meaning]) => !/^Unassigned/i.test(meaning))

const remarks = {
  1004: 'Reserved, without a meaning.',
  1005: 'Never on the wire: the Close frame bore no code.',
  1006: 'Never on the wire: no Close frame came.',
  1015: 'Never on the wire: TLS did not come about.',
}

/** Where the registry's own words are cut short, or are a sentence. */
const names = {
  1005: 'noStatusReceived',
  1007: 'invalidPayloadData',
  1010: 'mandatoryExtension',
  1014: 'badGateway',
}

/** `Invalid frame payload data` becomes a name; what stands in brackets or behind a comma goes. */
function keyOf(meaning, code) {
  if (names[code] !== undefined) return names[code]
  const words = meaning
    .replace(/[([,].*$/, '')
    .replaceAll(/[^A-Za-z ]/g, ' ')
    .trim()
    .split(/\s+/)
  return words
    .map((word, index) => (index === 0 ? word.toLowerCase() : word[0].toUpperCase() + word.slice(1)))
    .join('')
}

const list = (names) => names.map((name) => `  '${name}',`).join('\n')
const short = (names) => `[${names.map((name) => `'${name}'`).join(', ')}]`

const source = `// Knows the names and numbers that IANA registered for Upgrade and WebSocket (RFC 9110 section 16.7, RFC 6455
// section 11). Never restricts anybody to them: every type here lets other names pass.
// Written by scripts/registry.mjs from the registries of the dates below: change that, not this.

/** When IANA last changed the registries that these names come from. */
export const REGISTRY_DATES = { upgradeTokens: '${date(tokens)}', websocket: '${date(websocket)}' } as const

/**
 * HTTP Upgrade tokens. \`WebSocket\` (RFC 6455) and \`websocket\` (RFC 8441) are one name, since case does not count;
 * \`h2c\` is obsolete and still spoken.
 */
export const UPGRADE_TOKENS = [
${list(upgradeTokens)}
] as const

/** WebSocket extensions. */
export const EXTENSION_NAMES = ${short(extensions)} as const

/** WebSocket close codes, those that never travel among them (1004, 1005, 1006 and 1015). */
export const CLOSE_CODES = {
${codes.map(([code, meaning]) => `${remarks[code] ? `  /** ${remarks[code]} */\n` : ''}  ${keyOf(meaning, code)}: ${code},`).join('\n')}
} as const

/** WebSocket subprotocols, some of them for WebRTC data channels only. */
export const SUBPROTOCOLS = [
${list(subprotocols)}
] as const

/** A registered token, or any other. */
export type UpgradeToken = (typeof UPGRADE_TOKENS)[number] | Unregistered

/** A registered extension, or any other. */
export type ExtensionName = (typeof EXTENSION_NAMES)[number] | Unregistered

/** A registered subprotocol, or any other. */
export type Subprotocol = (typeof SUBPROTOCOLS)[number] | Unregistered

// Not plain string, which would swallow the names that an editor can suggest.
type Unregistered = string & Record<never, never>
`

if (values.check) {
  const same = readFileSync(target, 'utf8') === source
  console.log(same ? 'the registry is as IANA has it' : `${target} differs from the registries in ${folder}`)
  process.exitCode = same ? 0 : 1
} else writeFileSync(target, source)
