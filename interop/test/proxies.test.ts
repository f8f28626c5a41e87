// Knows what our client must find behind a CONNECT proxy, by its own means and by those of the known agents.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { ProxyAgent } from 'proxy-agent'
import { type ConnectOptions, connect, ProxyError, upgrade, WebSocket, WebSocketStream } from 'turnout'
import { WebSocketServer } from 'ws'
import {
  type Certificate,
  type ConnectProxy,
  createCertificate,
  startConnectProxy,
} from '../src/connect-proxy.ts'

const timeout = 30_000

describe('our client behind a CONNECT proxy', () => {
  let certificate: Certificate
  let proxies: readonly ConnectProxy[]
  const servers = [createHttpServer(), createHttpServer()]
  let targets: readonly string[]

  before(
    async () => {
      certificate = createCertificate()
      proxies = [await startConnectProxy(), await startConnectProxy(certificate)]
      servers[1] = createHttpsServer(certificate)
      targets = await Promise.all(
        servers.map(async (server, at) => {
          new WebSocketServer({ server }).on('connection', (socket) => {
            socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
          })
          server.listen(0, '127.0.0.1')
          await once(server, 'listening')
          return `${at === 0 ? 'ws' : 'wss'}://127.0.0.1:${(server.address() as AddressInfo).port}/`
        }),
      )
    },
    { timeout },
  )
  after(async () => {
    for (const proxy of proxies) await proxy.stop()
    for (const server of servers) {
      server.closeAllConnections()
      server.close()
    }
  })

  const ways: readonly [string, (proxy: ConnectProxy) => ConnectOptions][] = [
    ['the option `proxy`', ({ url }) => ({ proxy: { url, tls: { ca: certificate.cert } } })],
    ['https-proxy-agent', ({ url }) => ({ agent: new HttpsProxyAgent(url, { ca: certificate.cert }) })],
    [
      'proxy-agent',
      ({ url }) => ({ agent: new ProxyAgent({ getProxyForUrl: () => url, ca: certificate.cert }) }),
    ],
  ]

  for (const [name, options] of ways) {
    for (const [proxyAt, proxyKind] of ['a plain proxy', 'a proxy over TLS'].entries()) {
      for (const [targetAt, scheme] of ['ws', 'wss'].entries()) {
        it(`reaches ${scheme}: through ${proxyKind} by ${name}`, { timeout }, async () => {
          const proxy = proxies[proxyAt]!
          const before = proxy.places.length
          const socket = await connect(targets[targetAt]!, {
            ...options(proxy),
            tls: { ca: certificate.cert },
          })
          const incoming = socket[Symbol.asyncIterator]()
          for (const message of ['text', 'x'.repeat(100_000)]) {
            await socket.send(message)
            assert.equal((await incoming.next()).value, message)
          }
          assert.equal((await socket.close(1000)).code, 1000)
          assert.equal(proxy.places.at(-1), new URL(targets[targetAt]!).host)
          assert.equal(proxy.places.length, before + 1)
        })
      }
    }
  }

  it('tells a 407 of the proxy from an answer of the server', { timeout }, async () => {
    const url = proxies[0]!.url.replace('user', 'nobody')
    await assert.rejects(connect(targets[0]!, { proxy: url }), (error) => {
      assert.ok(error instanceof ProxyError)
      assert.deepEqual([error.status, error.body.toString()], [407, 'who?'])
      return true
    })
  })

  it('upgrades any protocol, and opens the standard classes, through the same proxy', {
    timeout,
  }, async () => {
    const proxy = proxies[0]!.url
    const url = targets[0]!.replace('ws', 'http')
    const { protocol, response } = await upgrade(url, { protocols: 'example/1', proxy })
    assert.deepEqual([protocol, response.statusCode], [undefined, 400])
    response.resume()
    const stream = new WebSocketStream(targets[0]!, { proxy })
    const { readable, writable } = await stream.opened
    await writable.getWriter().write('through')
    assert.equal((await readable.getReader().read()).value, 'through')
    stream.close({ closeCode: 1000 })
    assert.equal((await stream.closed).closeCode, 1000)
    const socket = new WebSocket(targets[0]!, { proxy })
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
    socket.close()
  })

  it('asks the environment when told to', { timeout }, async () => {
    const kept = { ...process.env }
    process.env.http_proxy = proxies[0]!.url
    try {
      const before = proxies[0]!.places.length
      process.env.no_proxy = '127.0.0.1'
      ;(await connect(targets[0]!, { proxy: 'env' })).terminate()
      assert.equal(proxies[0]!.places.length, before)
      delete process.env.no_proxy
      delete process.env.NO_PROXY
      ;(await connect(targets[0]!, { proxy: 'env' })).terminate()
      assert.equal(proxies[0]!.places.length, before + 1)
    } finally {
      for (const name of ['http_proxy', 'no_proxy', 'NO_PROXY']) {
        if (kept[name] === undefined) delete process.env[name]
        else process.env[name] = kept[name]
      }
    }
  })
})
