// Knows what ends a connection that TLS has secured in place, when TLS itself breaks behind the handshake.
import assert from 'node:assert/strict'
import type { TLSSocket } from 'node:tls'
import { secure, tlsHead, tlsStation } from './tls-wire.ts'
import { stationTest, within } from './wire.ts'

stationTest(
  'a record that is none ends the connection at once, as on an https server',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead())
    assert.equal((await wire.response()).status, 101)
    const over = secure(wire)
    assert.equal((await over.response()).status, 200)
    const ended = over.ended()
    wire.socket.write('this is no record of TLS')
    await within('the end of the connection', ended)
  },
  tlsStation({}, { http: { keepAliveTimeout: 60_000 } }),
)

stationTest(
  'a client that renegotiates again and again is cut off, as on an https server',
  async ({ dial }) => {
    const wire = dial()
    wire.send(tlsHead())
    assert.equal((await wire.response()).status, 101)
    const over = secure(wire, { maxVersion: 'TLSv1.2' })
    assert.equal((await over.response()).status, 200)
    const rounds = await within('an end of it', renegotiations(over.socket))
    assert.ok(rounds < 10, `${rounds} renegotiations`)
  },
  tlsStation({}, { http: { keepAliveTimeout: 60_000 } }),
)

function renegotiations(socket: TLSSocket): Promise<number> {
  return new Promise((resolve) => {
    let rounds = 0
    const again = () => {
      socket.renegotiate({}, (error) => {
        if (error !== null && error !== undefined) return
        if (++rounds === 20) resolve(rounds)
        else again()
      })
    }
    socket.once('end', () => resolve(rounds))
    socket.once('close', () => resolve(rounds))
    again()
  })
}
