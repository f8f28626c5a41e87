// Knows what clients and servers of others must find in our h2c, and our client in theirs.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Readable } from 'node:stream'
import { after, before, it } from 'node:test'
import { connectH2c, createTurnout, type Turnout } from 'turnout'
import { findProgram } from '../src/child.ts'
import { type Daemon, missingProgram, runTool, startDaemon } from '../src/tool.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000
const BIG_BYTES = 300_000
/** What works once may still be a race. */
const ROUNDS = 20

/** Answers `/big` with 300 KB, everything else with what it was. */
function app(
  request: IncomingMessage & { authority?: string },
  response: import('node:http').ServerResponse,
) {
  if (request.url === '/big') return void response.end(Buffer.alloc(BIG_BYTES, 97))
  let body = ''
  request.on('data', (chunk) => {
    body += chunk
  })
  request.on('end', () => {
    const { httpVersion, method, url, headers } = request
    response.end([httpVersion, method, url, headers['x-a'], body].join(' ').trim())
  })
}

async function startServer(
  turnout?: Turnout,
): Promise<{ server: Server; origin: string; stop(): Promise<void> }> {
  const server = createServer(app)
  turnout?.attach(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    server,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async stop() {
      const closed = new Promise((resolve) => server.close(resolve))
      await turnout?.close({ grace: 1_000 })
      server.closeAllConnections()
      await closed
    },
  }
}

function textOf(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(Buffer.from(chunk)))
    stream.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')))
    stream.on('error', reject)
  })
}

describePeer(
  'curl --http2 with our server',
  { name: 'curl', missing: () => missingProgram('curl', 'curl') },
  () => {
    let house: Awaited<ReturnType<typeof startServer>>
    const curl = async (...args: string[]): Promise<string> => {
      const said = await runTool(findProgram('curl') as string, ['-sS', '--max-time', '10', ...args])
      assert.equal(said.code, 0, said.stderr)
      return said.stdout.toString('latin1')
    }
    before(async () => {
      house = await startServer(createTurnout().h2c({ priorKnowledge: true }))
    })
    after(() => house?.stop())

    it(`R38: two requests on one connection, 300 KB each, ${ROUNDS} times`, { timeout }, async () => {
      for (let round = 0; round < ROUNDS; round++) {
        const versions = '%{stderr}%{http_version} '
        const url = `${house.origin}/big`
        const said = await runTool(findProgram('curl') as string, [
          '-sS',
          '--http2',
          '-w',
          versions,
          url,
          url,
        ])
        assert.deepEqual([said.code, said.stdout.length, said.stderr], [0, 2 * BIG_BYTES, '2 2'])
      }
    })

    it('R38: fields, methods and HEAD come over', { timeout }, async () => {
      assert.equal(await curl('--http2', '-H', 'X-A: 1', `${house.origin}/a?b`), '2.0 GET /a?b 1')
      assert.equal(await curl('--http2', '-X', 'DELETE', `${house.origin}/d`), '2.0 DELETE /d')
      assert.match(await curl('--http2', '-I', `${house.origin}/h`), /\r\n\r\nHTTP\/2 200/)
    })

    it('R38: a request with a body is answered in HTTP/1.1', { timeout }, async () => {
      assert.equal(await curl('--http2', '-d', 'content', `${house.origin}/p`), '1.1 POST /p  content')
    })

    it('R38: prior knowledge, with a body, beside HTTP/1.1', { timeout }, async () => {
      const args = ['--http2-prior-knowledge', '-d', 'content']
      assert.equal(await curl(...args, `${house.origin}/p`), '2.0 POST /p  content')
      assert.equal(await curl('--http1.1', `${house.origin}/a`), '1.1 GET /a')
    })
  },
)

const noNghttp = () => missingProgram('nghttp', 'nghttp2-client')
describePeer('nghttp -u with our server', { name: 'nghttp', missing: noNghttp }, () => {
  let house: Awaited<ReturnType<typeof startServer>>
  before(async () => {
    house = await startServer(createTurnout().h2c())
  })
  after(() => house?.stop())

  const nghttp = async (...args: string[]) => {
    const said = await runTool(findProgram('nghttp') as string, ['-u', '-t', '10', ...args])
    assert.equal(said.code, 0, said.stderr)
    return said.stdout.toString('latin1')
  }

  it(`R38: one request, ${ROUNDS} times`, { timeout }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal(await nghttp('-H', 'x-a: 1', `${house.origin}/a`), '2.0 GET /a 1')
    }
  })

  it(`R38: eight streams at once, 300 KB each, ${ROUNDS} times`, { timeout }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      assert.equal((await nghttp('-m', '8', `${house.origin}/big`)).length, 8 * BIG_BYTES)
    }
  })
})

const noNghttpx = () => missingProgram('nghttpx', 'nghttp2-proxy')
describePeer('our h2c client with nghttpx', { name: 'nghttpx', missing: noNghttpx }, () => {
  let backend: Awaited<ReturnType<typeof startServer>>
  let proxy: Daemon
  before(
    async () => {
      backend = await startServer()
      const { port: upstream } = backend.server.address() as AddressInfo
      proxy = await startDaemon('nghttpx', async (port) => [
        '--conf=/dev/null',
        `--frontend=127.0.0.1,${port};no-tls`,
        `--backend=127.0.0.1,${upstream}`,
        '--workers=1',
        '--single-process',
        '--log-level=ERROR',
        '--accesslog-file=/dev/null',
      ])
    },
    { timeout },
  )
  after(async () => {
    await proxy?.stop()
    await backend?.stop()
  })

  it(`R38: 300 KB on stream 1 and five requests after it, ${ROUNDS} times`, { timeout }, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const result = await connectH2c(`http://127.0.0.1:${proxy.port}/big`)
      assert.equal(result.protocol, 'h2c')
      if (result.protocol === undefined) return
      assert.equal((await textOf(result.body)).length, BIG_BYTES)
      // Fields that come again are sent as references to what the server must have seen, too.
      for (let again = 0; again < 5; again++) {
        const stream: Readable = result.session.request({ ':path': '/n', 'x-a': `same ${again % 2}` })
        assert.equal(await textOf(stream), `1.1 GET /n same ${again % 2}`)
      }
      await new Promise<void>((resolve) => result.session.close(resolve))
    }
  })
})
