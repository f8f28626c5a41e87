// Knows how the WebAssembly of the library is made: each NAME.wat beside the sources becomes NAME-code.ts.
//
//   node scripts/assemble.mjs [--check]
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import createWabt from 'wabt'
import { filesUnder, here, house } from './house.mjs'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const wabt = await createWabt()

for (const path of filesUnder(join(house, 'packages/turnout/src'))) {
  if (!path.endsWith('.wat')) continue
  const target = path.replace(/\.wat$/, '-code.ts')
  const text = codeOf(path)
  if (!values.check) writeFileSync(target, text)
  else if (readFileSync(target, 'utf8') !== text) {
    console.error(`${here(target)} is not what ${here(path)} says: node scripts/assemble.mjs`)
    process.exitCode = 1
  }
}

function codeOf(path) {
  const module = wabt.parseWat(basename(path), readFileSync(path, 'utf8'), { simd: true })
  module.validate()
  const lines = Buffer.from(module.toBinary({}).buffer)
    .toString('base64')
    .match(/.{1,100}/g)
  return `// Knows ${basename(path)} as WebAssembly, in base64. Made by scripts/assemble.mjs: change the .wat.
import { Buffer } from 'node:buffer'

const BASE64 = \`
${lines.join('\n')}
\`

export const code: Buffer = Buffer.from(BASE64, 'base64')
`
}
