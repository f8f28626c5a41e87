// Knows a server and a client of ours in one process, in small: for runtimes that the library's own tests do not
// run on. Writes one line of JSON: what went right.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect, createTurnout, upgrade } from 'turnout'

const turnout = createTurnout()
const server = createServer((request, response) => void response.end(`ordinary ${request.url}`))

turnout.websocket('/echo/:room', {
  protocols: ['echo.v1'],
  accept: (request) =>
    request.headers.authorization === undefined
      ? new Response('who are you?', { status: 401 })
      : { data: 'known' },
  async handler(socket, { params }) {
    await socket.send(`${params.room} ${socket.data}`)
    for await (const message of socket) await socket.send(message)
  },
})
turnout.websocket('/compressed', {
  compression: { threshold: 0 },
  message: (socket, message) => void socket.send(message),
})
turnout.protocol('example/1', {
  accept: () => true,
  handler: (stream) => void stream.pipe(stream),
})
turnout.attach(server)
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
const right: string[] = []

// A WebSocket, there and back, text and binary.
const socket = await connect(`ws://${host}/echo/hall`, {
  protocols: ['echo.v1'],
  headers: { authorization: 'Bearer a' },
})
const incoming = socket[Symbol.asyncIterator]()
const hear = async (): Promise<unknown> => (await incoming.next()).value
if (socket.protocol === 'echo.v1' && (await hear()) === 'hall known') right.push('websocket')
const text = '🚃'.repeat(50_000)
await socket.send(text)
if ((await hear()) === text) right.push('text')
const bytes = Buffer.alloc(300_000, 'abc')
await socket.send(bytes)
const echoed = await hear()
if (Buffer.isBuffer(echoed) && echoed.equals(bytes)) right.push('binary')
const { code, clean } = await socket.close(4000, 'enough')
if (code === 4000 && clean) right.push('close')

// Compressed: at once, on the thread pool, and at once again in the same window.
const compressed = await connect(`ws://${host}/compressed`, { compression: { threshold: 0 } })
const said = ['twice the same', text, 'twice the same']
const heard: unknown[] = []
for (const message of said) void compressed.send(message)
for await (const message of compressed) if (heard.push(message) === said.length) break
if (compressed.extensions !== '' && heard.every((message, at) => message === said[at])) {
  right.push('compressed')
}
await compressed.close()

// Refused by the route, with its own words.
const refused = await connect(`ws://${host}/echo/hall`).catch((error) => error)
if (refused?.code === 'ERR_UPGRADE_DECLINED') right.push('refused')

// A protocol of one's own, and the same list where nobody wants it.
const example = await upgrade(`http://${host}/`, { protocols: ['example/1', 'foo/2'] })
example.stream?.write('through the pipe')
const [chunk] = example.stream === undefined ? [] : await once(example.stream, 'data')
if (example.protocol === 'example/1' && String(chunk) === 'through the pipe') right.push('protocol')
example.stream?.end()
const declined = await upgrade(`http://${host}/page`, { protocols: ['foo/2'] })
let page = ''
for await (const part of declined.response) page += part
if (declined.protocol === undefined && page === 'ordinary /page') right.push('declined')

await turnout.close({ grace: 1_000 })
server.closeAllConnections()
server.close()
console.log(JSON.stringify(right))
