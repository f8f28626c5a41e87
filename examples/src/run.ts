// Knows how to run one of the examples: npm run example <name> [port]
import type { Running } from './running.ts'

const names = ['chat', 'express', 'fastify', 'koa', 'hono', 'metrics-prom', 'metrics-otel']
const [name = '', port = '8102'] = process.argv.slice(2)

if (names.includes(name)) {
  const { start } = (await import(`./${name}/app.js`)) as { start(port: number): Promise<Running> }
  const running = await start(Number(port))
  console.log(`${name}: http://localhost:${running.port}/`)
  process.once('SIGINT', () => void running.stop())
} else {
  console.error(`usage: npm run example <${names.join('|')}> [port]`)
  process.exitCode = 2
}
