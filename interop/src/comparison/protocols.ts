// Knows what a connection can become besides a WebSocket over HTTP/1.1, library by library.
import { once } from 'node:events'
import type { Server } from 'node:http'
import { connect, constants, createServer } from 'node:http2'
import { createTurnout, type Turnout } from 'turnout'
import { certificate, privateKey } from '../certificate.ts'
import type { Contender } from './contender.ts'
import { createApp, host } from './hosting.ts'
import { requestHead } from './raw.ts'
import { type Row, served, talking } from './row.ts'

/** Is the request for another protocol answered with 101? turnout has to be told to; the others have no way to. */
async function switches(
  contender: Contender,
  fields: readonly string[],
  teach: (side: Turnout) => void,
): Promise<string> {
  const ask = (port: number) =>
    talking(port, async (client) => {
      client.write(requestHead('/', fields))
      return (await client.head(500))?.status === 101 ? 'yes' : 'no'
    })
  if (contender.name !== 'turnout') return served(contender, {}, ({ port }) => ask(port))
  const side = createTurnout()
  teach(side)
  const server = createApp()
  side.attach(server)
  const { port, stop } = await host(server)
  try {
    return await ask(port)
  } finally {
    await side.close({ grace: 0 })
    await stop()
  }
}

const own: Row = {
  fact: "Serves protocols of the app's own (`Upgrade: example/1`)",
  short: true,
  check: (contender) =>
    switches(contender, ['Connection: Upgrade', 'Upgrade: example/1'], (side) =>
      side.protocol('example/1', { accept: () => true, handler: (stream) => void stream.end() }),
    ),
}

const h2c: Row = {
  fact: 'Goes on in HTTP/2 where it is told to (`Upgrade: h2c`, RFC 7540)',
  check: (contender) =>
    switches(
      contender,
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
      (side) => side.h2c(),
    ),
}

const tls: Row = {
  fact: 'Goes on in TLS where it is told to (`Upgrade: TLS/1.2`, RFC 2817)',
  check: (contender) =>
    switches(contender, ['Connection: Upgrade', 'Upgrade: TLS/1.2'], (side) =>
      side.tlsInPlace({ key: privateKey, cert: certificate }),
    ),
}

const overHttp2: Row = {
  fact: 'WebSocket over HTTP/2 (RFC 8441)',
  short: true,
  async check(contender) {
    const running = await contender.start({ server: createServer() as unknown as Server })
    const session = connect(`http://127.0.0.1:${running.port}`)
    session.on('error', () => {})
    try {
      const first = await Promise.race([once(session, 'remoteSettings'), once(session, 'close')])
      if (first[0]?.enableConnectProtocol !== true) return 'no'
      const stream = session.request({
        ':method': 'CONNECT',
        ':protocol': 'websocket',
        ':path': contender.target('/ws'),
        ':scheme': 'http',
        'sec-websocket-version': '13',
      })
      const [fields] = await once(stream, 'response')
      stream.on('error', () => {}).close(constants.NGHTTP2_CANCEL)
      return fields[':status'] === 200 ? 'yes' : 'no'
    } finally {
      session.destroy()
      await running.stop()
    }
  },
}

export const protocols: readonly Row[] = [own, overHttp2, h2c, tls]
