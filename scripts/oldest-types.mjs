// Proves that the package's types compile with the oldest TypeScript that its documents promise, `skipLibCheck` off,
// in both ways of finding them; fetches that TypeScript from the npm registry into .runtimes/.
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { house, run } from './house.mjs'
import { fetchPackages } from './runtimes.mjs'

const versions = { typescript: '5.4.5', '@types/node': '20.19.43' }

const program = `import { connect, createTurnout, upgrade, type WebSocketConnection } from 'turnout'
import { webSocketPair } from 'turnout/testing'

const turnout = createTurnout().websocket('/chat/:room', {
  protocols: ['v1', 'v2'],
  accept: () => ({ data: { user: 'ada' } }),
  message(socket, message) {
    const text: string = typeof message === 'string' ? message : message.toString('hex')
    const room: string = socket.params.room
    const user: string = socket.data.user
    socket.send(text + room + user)
  },
})
const socket: Promise<WebSocketConnection> = connect('ws://127.0.0.1/')
export const all = [turnout, socket, upgrade, webSocketPair]
`

const folder = await fetchPackages('typescript', versions)
if (folder === undefined) process.exit(1)
writeFileSync(join(folder, 'program.mts'), program)
const link = join(folder, 'node_modules', 'turnout')
rmSync(link, { force: true, recursive: true })
symlinkSync(join(house, 'packages', 'turnout'), link, 'dir')

const tsc = join(folder, 'node_modules', 'typescript', 'bin', 'tsc')
const strict = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--types', 'node']
for (const [module, resolution] of [
  ['nodenext', 'nodenext'],
  ['esnext', 'bundler'],
]) {
  const options = [...strict, '--module', module, '--moduleResolution', resolution, 'program.mts']
  if ((await run(process.execPath, [tsc, ...options], { cwd: folder })) !== 0) process.exit(1)
  console.log(`TypeScript ${versions.typescript}, ${resolution}: the types compile`)
}
