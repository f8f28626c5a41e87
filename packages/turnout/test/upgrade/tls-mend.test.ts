// Proves upgrade/tls-mend.ts.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { MendedConnection, MendingAgent } from '../../src/upgrade/tls-mend.ts'

/** What comes out of a mended connection when the server writes these pieces and ends. */
async function mended(...pieces: string[]): Promise<string> {
  const { socket, peer, stop } = await pair()
  const connection = new MendedConnection(socket)
  let text = ''
  connection.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  for (const piece of pieces)
    await new Promise((done) => peer.write(piece, 'latin1', () => setImmediate(done)))
  peer.end()
  await once(connection, 'end')
  connection.destroy()
  await stop()
  return text
}

async function pair(): Promise<{ socket: Socket; peer: Socket; stop(): Promise<void> }> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [peer] = (await once(server, 'connection')) as [Socket]
  peer.on('error', () => {})
  return {
    socket,
    peer,
    async stop() {
      peer.destroy()
      socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

const CUPS =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\nUpgrade: TLS/1.2\r\n\r\n'

describe('a connection whose 101 is mended', () => {
  it('R17: cupsd’s 101 gets its Connection option and loses its length', async () => {
    assert.equal(
      await mended(`${CUPS}rest`),
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Keep-Alive\r\nUpgrade: TLS/1.2\r\nConnection: Upgrade\r\n\r\nrest',
    )
  })

  it('however it is cut, and behind interim responses', async () => {
    const all = `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n${CUPS}`
    const whole = await mended(all)
    assert.match(
      whole,
      /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 103 Early\r\nLink: x\r\n\r\nHTTP\/1\.1 101 .*Connection: Upgrade\r\n\r\n$/s,
    )
    assert.equal(await mended(...all), whole)
  })

  it('a proper 101, another answer, and what is no HTTP pass as they are', async () => {
    for (const text of [
      'HTTP/1.1 101 Switching Protocols\r\nconnection: x, upgrade\r\nUpgrade: TLS/1.2\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 101 No\r\n\r\n',
      'HTTP/1.1 1010\r\n\r\n',
      'no HTTP at all',
      'x'.repeat(100_000),
    ]) {
      assert.equal(await mended(text), text)
    }
  })

  it('gives its socket back with what came behind the 101', async () => {
    const { socket, peer, stop } = await pair()
    const connection = new MendedConnection(socket)
    peer.write(`${CUPS}early`)
    await once(connection, 'readable')
    const head = connection.read() as Buffer
    const rest = head.subarray(head.indexOf('\r\n\r\n') + 4)
    for (const chunk of [rest.subarray(2), rest.subarray(0, 2)]) connection.unshift(chunk)
    assert.equal(connection.release(), socket)
    connection.destroy()
    peer.write(' late')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.resume()
    while (text !== 'early late') await once(socket, 'data')
    assert.equal(socket.destroyed, false)
    await stop()
  })

  it('an agent makes it, over a tunnel where there is one, and knows it', async () => {
    for (const through of ['a tunnel', 'a connection of its own'] as const) {
      const { socket, peer, stop } = await pair()
      const agent = new MendingAgent(through === 'a tunnel' ? socket : undefined)
      const arrived = through === 'a tunnel' ? peer : undefined
      const own = createServer().listen(0, '127.0.0.1')
      await once(own, 'listening')
      const { port } = own.address() as AddressInfo
      const headers = { Connection: 'Upgrade', Upgrade: 'TLS/1.2' }
      const asked = request({ host: '127.0.0.1', port, agent, headers }).end()
      asked.on('error', () => {})
      const server = arrived ?? ((await once(own, 'connection')) as [Socket])[0]
      server.on('error', () => {})
      await once(server, 'data')
      server.write(CUPS)
      const [response, upgraded] = await once(asked, 'upgrade')
      assert.equal(response.statusCode, 101)
      assert.equal(upgraded, agent.connection)
      const released = agent.connection!.release()
      assert.equal(released === socket, through === 'a tunnel')
      released.destroy()
      server.destroy()
      own.close()
      await stop()
    }
  })
})
