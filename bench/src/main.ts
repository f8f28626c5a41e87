// npm run bench: reads what is asked, and hands it to who knows how.
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readArguments } from './arguments.ts'
import { linearCounts, linearTable, measureLinear } from './linear.ts'
import { run } from './run.ts'

const line = process.argv.slice(2)
const dist = dirname(fileURLToPath(import.meta.url))
const request = readArguments(line)

if (request.kind === 'run') {
  const command = ['npm run bench', ...(line.length > 0 ? ['--', ...line] : [])].join(' ')
  try {
    process.exitCode = await run(request.plan, {
      root: resolve(dist, '../..'),
      dist,
      command,
      say: (text) => console.log(text),
    })
  } catch (error) {
    fail(error instanceof Error ? error.message : String(error))
  }
} else if (request.kind === 'linear') console.log(linearTable(await measureLinear(linearCounts)))
else if (request.kind === 'mistake') fail(request.text)
else console.log(request.text)

function fail(text: string): void {
  console.error(text)
  process.exitCode = 2
}
