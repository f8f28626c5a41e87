// Knows everything that must hold before a change is done: format, lint, types, tests, and the package as it
// would be published. Goes through all of it, and says at the end what did not hold.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reportCoverage } from './coverage.mjs'
import { heading, house, npm, projects, run } from './house.mjs'
import { linksHoldHere, linksHoldPacked } from './links.mjs'

const library = join(house, 'packages/turnout')
const failed = []

/** What a package may hold besides its README, its licence and package.json. */
const belongs = [
  /^(dist|src)\/.+\.(js|d\.ts|ts|map)$/,
  /^src\/.+\.wat$/,
  /^docs\/([\w-]+\.md|bench\.svg)$/,
  /^examples\/src\/.+\.(ts|html)$/,
]

await step('format and lint', [tool('@biomejs/biome', 'biome'), 'ci', '--error-on-warnings', '.'])
for (const { name, base, config } of projects) {
  if (!existsSync(join(house, base, 'src'))) continue
  await step(`types: ${name}`, [tool('typescript', 'tsc'), '-p', join(house, base, config), '--noEmit'])
}
// The registries lie beside the repository where the project is worked on, not everywhere.
if (existsSync(join(house, '../shared/iana'))) {
  await step('names registered with IANA', [join(house, 'scripts/registry.mjs'), '--check'])
}
await step('WebAssembly as its source says', [join(house, 'scripts/assemble.mjs'), '--check'])
await check('documents: links', linksHoldHere)
await step('documents: samples', [join(house, 'scripts/samples.mjs')])
// Where the tests run by themselves, they need not run twice.
if (!process.argv.includes('--without-tests')) await check('tests, and what they cover', tests)
await check('package: what is in it', contents)
await step('package: publint', [tool('publint', 'publint'), library, '--strict', '--pack', 'npm'])
await step('package: types, as importers see them', [
  tool('@arethetypeswrong/cli', 'attw'),
  '--pack',
  library,
  '--profile',
  'esm-only',
  '--no-emoji',
])

heading(failed.length === 0 ? 'everything holds' : `does not hold: ${failed.join('; ')}`)
process.exitCode = failed.length === 0 ? 0 : 1

/** The file behind a command of one of our packages. */
function tool(name, command) {
  const at = join(house, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'))
  return join(at, typeof bin === 'string' ? bin : bin[command])
}

async function step(name, args) {
  await check(name, async () => (await run(process.execPath, args)) === 0)
}

async function check(name, holds) {
  heading(name)
  if (!(await holds())) failed.push(name)
}

async function tests() {
  const folder = mkdtempSync(join(tmpdir(), 'turnout-coverage-'))
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder }
    const code = await run(process.execPath, [join(house, 'scripts/test.mjs')], { env })
    reportCoverage(folder)
    return code === 0
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * What `npm publish` would send: the build, its sources for the source maps, the words, the examples that they point
 * to; and nothing else. No link in it leads out of it.
 */
async function contents() {
  const [program, args] = npm()
  let output = ''
  const code = await run(program, [...args, 'pack', '--dry-run', '--json', '--loglevel=error'], {
    cwd: library,
    onOutput: (chunk) => {
      output += chunk
    },
  })
  const start = output.search(/^[[{]/m)
  if (code !== 0 || start === -1) {
    console.error(output)
    return false
  }
  const parsed = JSON.parse(output.slice(start))
  const [pack] = Array.isArray(parsed) ? parsed : Object.values(parsed)
  const paths = pack.files.map(({ path }) => path)
  const wanted = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts', 'src/index.ts']
  const missing = wanted.filter((path) => !paths.includes(path))
  const strange = paths.filter((path) => !wanted.includes(path) && !belongs.some((kind) => kind.test(path)))
  console.log(`${paths.length} files, ${pack.unpackedSize} bytes unpacked, ${pack.size} packed`)
  for (const path of missing) console.error(`missing: ${path}`)
  for (const path of strange) console.error(`does not belong there: ${path}`)
  return linksHoldPacked(paths) && missing.length === 0 && strange.length === 0
}
