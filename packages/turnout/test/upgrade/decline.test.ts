import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  get,
  openStation,
  type Station,
  type StationOptions,
  upgradeHead,
  type Wire,
  watchProcess,
} from './wire.ts'

type Script = (wire: Wire, station: Station) => Promise<void>

function declines(title: string, script: Script, options?: StationOptions): void {
  test(title, async () => {
    const watch = watchProcess()
    const station = await openStation(options)
    try {
      await script(station.dial(), station)
      assert.deepEqual(station.errors, [])
    } finally {
      await station.stop()
      watch.stop()
    }
  })
}

async function expectEcho(wire: Wire, ...bodies: string[]): Promise<void> {
  for (const body of bodies) {
    const response = await wire.response()
    assert.equal(response.status, 200)
    assert.equal(response.body, body)
    assert.equal(response.field('connection'), 'keep-alive')
  }
}

declines('R11: an upgrade that nobody takes is answered by the app, and keep-alive goes on', async (wire) => {
  wire.send(upgradeHead())
  await expectEcho(wire, '/up:')
  wire.send(get('/2'))
  await expectEcho(wire, '/2:')
})

declines(
  'R11: requests pipelined behind it in one chunk are all answered, in order',
  async (wire, { log }) => {
    wire.send(upgradeHead() + get('/2') + get('/3'))
    await expectEcho(wire, '/up:', '/2:', '/3:')
    assert.deepEqual(log, ['GET /up', 'GET /2', 'GET /3'])
  },
)

declines('R11: declined again and again on one connection', async (wire) => {
  for (let round = 0; round < 15; round++) {
    wire.send(upgradeHead({ path: `/${round}` }))
    await expectEcho(wire, `/${round}:`)
  }
  wire.send(get('/last'))
  await expectEcho(wire, '/last:')
})

declines('R11: two upgrades and a request in one chunk', async (wire) => {
  wire.send(upgradeHead({ path: '/a' }) + upgradeHead({ path: '/b' }) + get('/c'))
  await expectEcho(wire, '/a:', '/b:', '/c:')
})

declines('R11, R44: garbage behind a declined upgrade is answered as in HTTP', async (wire) => {
  wire.send(`${upgradeHead()}\x00garbage\r\n\r\n`)
  await expectEcho(wire, '/up:')
  assert.equal((await wire.response({ toEnd: true })).status, 400)
})

declines('R11, R19: a body by Content-Length in the same chunk reaches the app', async (wire) => {
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HELLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R19: a body by Content-Length in pieces reaches the app', async (wire, { server }) => {
  const asked = new Promise((resolve) => server.once('request', resolve))
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Content-Length: 5'] })}HE`)
  await asked
  wire.send(`LLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R19: a chunked body in pieces reaches the app', async (wire, { server }) => {
  const asked = new Promise((resolve) => server.once('request', resolve))
  wire.send(`${upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })}2\r\nHE\r\n`)
  await asked
  wire.send(`3\r\nLLO\r\n0\r\n\r\n${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R19: everything byte by byte', async (wire) => {
  const head = upgradeHead({ method: 'POST', fields: ['Transfer-Encoding: chunked'] })
  await wire.drip(`${head}2;x=y\r\nHE\r\n3\r\nLLO\r\n0\r\nT: t\r\n\r\n${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11, R16: a client that waits for a 100 gets it, then the answer', async (wire) => {
  wire.send(upgradeHead({ method: 'POST', fields: ['Expect: 100-continue', 'Content-Length: 5'] }))
  assert.equal((await wire.response()).status, 100)
  wire.send(`HELLO${get('/2')}`)
  await expectEcho(wire, '/up:HELLO', '/2:')
})

declines('R11: HEAD has no body, and the next request is not lost', async (wire) => {
  wire.send(upgradeHead({ method: 'HEAD' }) + get('/2'))
  const response = await wire.response({ head: true })
  assert.equal(response.status, 200)
  await expectEcho(wire, '/2:')
})

declines('R4: HTTP/1.0 with Upgrade is an ordinary request of HTTP/1.0', async (wire) => {
  wire.send(upgradeHead({ version: 'HTTP/1.0', connection: 'Upgrade' }))
  const response = await wire.response({ toEnd: true })
  assert.equal(response.status, 200)
  assert.equal(response.body, '/up:')
  assert.equal(response.field('connection'), 'close')
})

declines('R11: Connection: close is honoured', async (wire) => {
  wire.send(upgradeHead({ connection: 'close, upgrade' }))
  const response = await wire.response({ toEnd: true })
  assert.equal(response.body, '/up:')
  assert.equal(response.field('connection'), 'close')
})
