import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { AnsweredError } from '../../src/upgrade/answered.ts'
import { upgrade } from '../../src/upgrade/client.ts'
import { upgradeTls } from '../../src/upgrade/tls-client.ts'
import { connect } from '../../src/websocket/client.ts'
import { reconnecting } from '../../src/websocket/reconnecting.ts'
import { head, type RawServer, rawServer } from './raw-server.ts'

const bounded = { timeout: 10_000 }
const SECRET = 'hunter2hunter2'
const SECRETS = [SECRET, Buffer.from(`eve:${SECRET}`).toString('base64')]
const headers = { 'X-Key': SECRET }

async function refusing(t: TestContext): Promise<RawServer> {
  const raw = await rawServer(({ socket }) => {
    socket.write(
      `${head('HTTP/1.1 401 No', 'Set-Cookie: a=b', 'Content-Length: 5')}wh\u00c3\u00b6?`,
      'latin1',
    )
  })
  t.after(() => raw.close())
  return raw
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  return assert.fail('resolved')
}

/** Asserts that neither the error nor one that has it as its cause shows a secret, however it is printed. */
function assertDiscreet(error: unknown): void {
  assert.ok(error instanceof AnsweredError, String(error))
  const outer = new Error('outer', { cause: error })
  for (const shown of [
    inspect(error),
    inspect(error, { showHidden: true, depth: 20 }),
    inspect(outer),
    inspect({ code: 1006, cause: outer }, { depth: 20 }),
    JSON.stringify(error),
    JSON.stringify({ cause: error }),
    JSON.stringify({ ...error }),
    error.stack ?? '',
  ]) {
    for (const secret of SECRETS) assert.ok(!shown.includes(secret), shown.slice(0, 2_000))
    assert.ok(shown.length < 6_000, `${shown.length} characters`)
  }
}

test('no print of a refused handshake shows what the request bore', bounded, async (t) => {
  const { port } = await refusing(t)
  for (const scheme of ['ws', 'http']) {
    assertDiscreet(await rejection(connect(`${scheme}://eve:${SECRET}@127.0.0.1:${port}/`, { headers })))
  }
  const peer = reconnecting(`ws://eve:${SECRET}@127.0.0.1:${port}/`, { headers })
  const info = await peer.closed
  assertDiscreet(info.cause)
  for (const secret of SECRETS) assert.ok(!inspect(info, { depth: 20 }).includes(secret))
})

test('nor that of a proxy, of TLS in place, or of an upgrade that says too little', bounded, async (t) => {
  const { port } = await refusing(t)
  const proxy = { url: `http://eve:${SECRET}@127.0.0.1:${port}`, headers }
  assertDiscreet(await rejection(connect('ws://target.example/', { proxy })))
  assertDiscreet(await rejection(upgradeTls(`http://eve:${SECRET}@127.0.0.1:${port}/`, { headers })))
  const vague = await rawServer(({ socket }) => socket.write(head('HTTP/1.1 426 No', 'Content-Length: 0')))
  t.after(() => vague.close())
  const url = `http://eve:${SECRET}@127.0.0.1:${vague.port}/`
  assertDiscreet(await rejection(upgrade(url, { protocols: 'a/1', headers })))
})

test('response, body and text are there to be read, and are not enumerable', bounded, async (t) => {
  const raw = await refusing(t)
  const error = await rejection(connect(`ws://127.0.0.1:${raw.port}/`))
  assert.ok(error instanceof AnsweredError)
  assert.deepEqual(error.response.headers['set-cookie'], ['a=b'])
  assert.equal(error.body.length, 5)
  assert.equal(error.text, 'wh\u00f6?')
  for (const name of ['response', 'body', 'text']) {
    assert.ok(name in error && !Object.keys(error).includes(name), name)
  }
  const { name, code, status, message } = error
  assert.deepEqual(JSON.parse(JSON.stringify(error)), { name, code, status, message })
  assert.deepEqual([name, code, status], ['HandshakeError', 'ERR_UPGRADE_DECLINED', 401])
})
