// Proves that the package's types compile with the oldest TypeScript that its documents promise, `skipLibCheck` off,
// in every way of finding them, and beside lib.dom, with the TypeScript of this house as well; fetches the oldest from
// the npm registry into .runtimes/.
import { readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { house, run } from './house.mjs'
import { fetchPackages } from './runtimes.mjs'

const versions = { typescript: '5.4.5', '@types/node': '20.19.43' }

const program = `import { CloseEvent, type FailureEvent, WebSocket, connect, createTurnout, upgrade, type WebSocketConnection } from 'turnout'
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

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(_same: Same<A, B>): void => {}

export const Standard: typeof globalThis.WebSocket = WebSocket
export const Creator: new (url: string, protocols?: string | string[]) => globalThis.WebSocket = WebSocket
const own = new WebSocket('ws://127.0.0.1/')
const standard: globalThis.WebSocket = own
const closeEvent: globalThis.CloseEvent = new CloseEvent('close')
export const ownCloseEvent: CloseEvent = closeEvent
own.onopen = (event) => same<typeof event, Event>(true)
own.onmessage = (event) => same<typeof event, MessageEvent>(true)
own.onclose = function (event) {
  same<typeof event, CloseEvent>(true)
  same<typeof this, WebSocket>(true)
}
own.onerror = (event) => same<typeof event, FailureEvent>(true)
own.onerror = ({ error }) => same<typeof error, unknown>(true)
own.addEventListener('close', ({ wasClean }) => same<typeof wasClean, boolean>(true))
// @ts-expect-error another event
own.onclose = (event: MessageEvent) => event.data
for (const [from, to] of [[own, standard], [standard, own], [own, own]] as const) {
  to.onopen = from.onopen
  to.onmessage = from.onmessage
  to.onerror = from.onerror
  to.onclose = from.onclose
}
own.onclose = null
`

const folder = await fetchPackages('typescript', versions)
if (folder === undefined) process.exit(1)
writeFileSync(join(folder, 'program.mts'), program)
const link = join(folder, 'node_modules', 'turnout')
rmSync(link, { force: true, recursive: true })
symlinkSync(join(house, 'packages', 'turnout'), link, 'dir')

const oldest = join(folder, 'node_modules', 'typescript')
const strict = ['--noEmit', '--strict', '--target', 'es2022', '--types', 'node']
for (const [typescript, module, resolution, skipLibCheck] of [
  [oldest, 'nodenext', 'nodenext', 'false'],
  [oldest, 'esnext', 'bundler', 'false'],
  [oldest, 'commonjs', 'node10', 'false'],
  // what TypeScript's own lib.dom and these types of Node say of each other is not ours
  [join(house, 'node_modules', 'typescript'), 'nodenext', 'nodenext', 'true'],
]) {
  const options = ['--module', module, '--moduleResolution', resolution, '--skipLibCheck', skipLibCheck]
  const args = [join(typescript, 'bin', 'tsc'), ...strict, ...options, 'program.mts']
  if ((await run(process.execPath, args, { cwd: folder })) !== 0) process.exit(1)
  const { version } = JSON.parse(readFileSync(join(typescript, 'package.json'), 'utf8'))
  console.log(`TypeScript ${version}, ${resolution}: the types compile`)
}
