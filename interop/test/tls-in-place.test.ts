// Knows what CUPS' clients must find in our TLS in place, and our client in CUPS' server.
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, get, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, it } from 'node:test'
import { createTurnout, type Turnout, upgradeTls } from 'turnout'
import { certificate, privateKey } from '../src/certificate.ts'
import { findProgram } from '../src/child.ts'
import { startCupsd } from '../src/servers/cupsd.ts'
import { type Daemon, missingProgram, runTool } from '../src/tool.ts'
import { describePeer } from './peers.ts'

const timeout = 60_000

async function textOf(response: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

/** An IPP response of nothing but success (RFC 8010 section 3.1), with the request's version and id. */
function ippSuccess(request: Buffer): Buffer {
  const head = Buffer.concat([request.subarray(0, 2), Buffer.from([0, 0])])
  const attributes = Buffer.concat([
    Buffer.from([1]),
    attribute(0x47, 'attributes-charset', 'utf-8'),
    attribute(0x48, 'attributes-natural-language', 'en'),
    Buffer.from([3]),
  ])
  return Buffer.concat([head, request.subarray(4, 8), attributes])
}

function attribute(tag: number, name: string, value: string): Buffer {
  const length = (text: string) => Buffer.from([text.length >> 8, text.length & 255])
  return Buffer.concat([
    Buffer.from([tag]),
    length(name),
    Buffer.from(name),
    length(value),
    Buffer.from(value),
  ])
}

const noTools = () => missingProgram('lpstat', 'cups-client') ?? missingProgram('ipptool', 'cups-ipp-utils')
describePeer('lpstat -E and ipptool -E with our server', { name: 'CUPS', missing: noTools }, () => {
  let server: Server
  let turnout: Turnout
  let folder: string
  const seen: string[] = []
  const failures: string[] = []
  const run = (name: string, ...args: string[]) =>
    runTool(findProgram(name) as string, args, { env: { ...process.env, HOME: folder, LC_ALL: 'C' } })

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'turnout-cups-'))
    await writeFile(
      join(folder, 'ask.test'),
      `{
        NAME "Get-Printer-Attributes"
        OPERATION Get-Printer-Attributes
        GROUP operation-attributes-tag
        ATTR charset attributes-charset utf-8
        ATTR language attributes-natural-language en
        ATTR uri printer-uri $uri
        STATUS successful-ok
      }`,
    )
    server = createServer((request, response) => {
      const { socket } = request
      const version =
        'getProtocol' in socket ? (socket as import('node:tls').TLSSocket).getProtocol() : 'clear'
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks)
        seen.push(
          `${request.method} ${request.url} ${version} operation ${body.readUInt16BE(2).toString(16)}`,
        )
        response.setHeader('Content-Type', 'application/ipp')
        response.end(ippSuccess(body))
      })
    })
    turnout = createTurnout().tlsInPlace({
      key: privateKey,
      cert: certificate,
      required: '/*',
      onHandshakeFailure: ({ message }) => failures.push(message),
    })
    turnout.attach(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    const closed = new Promise((resolve) => server.close(resolve))
    await turnout.close({ grace: 0 })
    server.closeAllConnections()
    await closed
    await rm(folder, { recursive: true, force: true })
  })

  it('R40: lpstat -E asks with OPTIONS *, and asks on over TLS', { timeout }, async () => {
    const { port } = server.address() as AddressInfo
    const said = await run('lpstat', '-E', '-h', `127.0.0.1:${port}`, '-v')
    assert.equal(said.code, 0, said.stderr)
    // 4002 is CUPS-Get-Printers
    assert.ok(seen.includes('POST / TLSv1.3 operation 4002'), `${seen} ${said.stderr}`)
    assert.ok(seen.every((line) => line.includes('TLSv1')))
    assert.deepEqual(failures, [])
  })

  it('R40: ipptool -E passes its test over TLS, 20 times', { timeout }, async () => {
    const { port } = server.address() as AddressInfo
    for (let round = 0; round < 20; round++) {
      seen.length = 0
      const said = await run(
        'ipptool',
        '-E',
        '-tv',
        `ipp://127.0.0.1:${port}/printers/x`,
        join(folder, 'ask.test'),
      )
      assert.equal(said.code, 0, said.stdout.toString())
      assert.deepEqual(seen, ['POST /printers/x TLSv1.3 operation b'])
    }
    assert.deepEqual(failures, [])
  })

  it('R41: without -E the 426 is followed: ipptool gets TLS from a server that insists', {
    timeout,
  }, async () => {
    const { port } = server.address() as AddressInfo
    seen.length = 0
    const said = await run('ipptool', '-tv', `ipp://127.0.0.1:${port}/printers/x`, join(folder, 'ask.test'))
    assert.equal(said.code, 0, said.stdout.toString())
    assert.deepEqual(seen, ['POST /printers/x TLSv1.3 operation b'])
  })
})

const noCupsd = () => missingProgram('cupsd', 'cups-daemon')
describePeer('our TLS client with cupsd', { name: 'cupsd', missing: noCupsd }, () => {
  let cupsd: Daemon
  // Its certificate is its own.
  const tls = { rejectUnauthorized: false }
  before(
    async () => {
      cupsd = await startCupsd()
    },
    { timeout },
  )
  after(() => cupsd?.stop())

  for (const mode of ['mandatory', 'optional'] as const) {
    it(`R39: R40: ${mode}: a page over TLS, and another on the same connection, 5 times`, {
      timeout,
    }, async () => {
      const url = `http://127.0.0.1:${cupsd.port}/page.txt`
      for (let round = 0; round < 5; round++) {
        const result = await upgradeTls(url, { mode, tls })
        assert.equal(result.secure, true)
        if (!result.secure) return
        assert.equal(await textOf(result.response), 'open page', cupsd.said())
        assert.match(result.socket.getProtocol() ?? '', /^TLSv1\.[23]$/)
        const { agent } = result
        const again = await new Promise<IncomingMessage>((resolve, reject) => {
          get(url.replace('/page', '/secret/page'), { agent }, resolve).on('error', reject)
        })
        assert.equal(await textOf(again), 'secret page')
        agent.destroy()
      }
    })
  }

  // It never answers 426 to a client on the same machine, so that following one is proven elsewhere.
  it('R41: invited: a page that does not want TLS comes in the clear', { timeout }, async () => {
    const origin = `http://127.0.0.1:${cupsd.port}`
    const open = await upgradeTls(`${origin}/page.txt`, { mode: 'invited', tls })
    assert.deepEqual([open.secure, await textOf(open.response)], [false, 'open page'])
  })
})
