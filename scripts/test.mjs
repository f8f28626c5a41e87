// Knows which test files there are and hands them to node:test, whose exit code it takes over.
//
//   node scripts/test.mjs [--node <binary>] [--in <workspace>]… [--reporter <name>] [part of a file's path]…
import { join, sep } from 'node:path'
import { parseArgs } from 'node:util'
import { filesUnder, here, house, run } from './house.mjs'

const homes = {
  turnout: 'packages/turnout/build/test',
  examples: 'examples/build/test',
  bench: 'bench/build/test',
  interop: 'interop/dist/test',
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Another Node to run the tests with. */
    node: { type: 'string', default: process.execPath },
    /** turnout, examples, bench or interop; may be repeated. Without it: all but interop. */
    in: { type: 'string', multiple: true, default: ['turnout', 'examples', 'bench'] },
    reporter: { type: 'string', default: 'spec' },
  },
})

const unknown = values.in.filter((name) => homes[name] === undefined)
if (unknown.length > 0) {
  console.error(`no such workspace: ${unknown.join(', ')} (there are ${Object.keys(homes).join(', ')})`)
  process.exit(2)
}

const files = values.in
  .flatMap((name) => filesUnder(join(house, homes[name])))
  .filter((file) => file.endsWith('.test.js'))
  .map(here)
  .filter(
    (file) =>
      positionals.length === 0 || positionals.some((part) => file.split(sep).join('/').includes(part)),
  )
if (files.length === 0) {
  console.error(
    `no test file${positionals.length > 0 ? ` matches ${positionals.join(', ')}` : ''}; is it built? (npm run build)`,
  )
  process.exit(1)
}

process.exitCode = await run(values.node, [
  '--test',
  `--test-reporter=${values.reporter}`,
  '--test-reporter-destination=stdout',
  // Node's own choice is one less than there are cores, and so a single one on a small machine.
  '--test-concurrency=2',
  // For what hangs in spite of the deadlines that each test has.
  '--test-timeout=300000',
  '--enable-source-maps',
  ...files,
])
