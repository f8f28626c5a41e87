// Knows how to run one of the examples: npm run example <name> [port]
import type { Running } from './running.ts'
import { explain, onLeaving, readPort } from './terminal.ts'

const names = ['chat', 'express', 'fastify', 'koa', 'hono', 'metrics-prom', 'metrics-otel']
const [name = '', given] = process.argv.slice(2)
const host = '127.0.0.1'
const usual = 8102
let port = usual

if (names.includes(name)) {
  try {
    port = readPort('The port', given, usual)
    const { start } = (await import(`./${name}/app.js`)) as { start(port: number): Promise<Running> }
    const running = await start(port)
    onLeaving(() => void running.stop())
    console.log(`${name}: http://localhost:${running.port}/`)
  } catch (error) {
    const command = (other: number) => `npm run example ${name} ${other}`
    console.error(explain(error as NodeJS.ErrnoException, { host, port, usual, command }))
    process.exitCode = 1
  }
} else {
  console.error(`usage: npm run example <${names.join('|')}> [port]`)
  process.exitCode = 2
}
