// Knows what the guests of the chat must see.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { connect } from 'turnout'
import { start } from '../src/chat/app.ts'
import type { Running } from '../src/running.ts'

const timeout = 15_000

describe('the chat', () => {
  let running: Running
  before(async () => {
    running = await start(0)
  })
  after(() => running.stop())

  const enter = async (room: string, name: string) => {
    const socket = await connect(`ws://127.0.0.1:${running.port}/chat/${room}?name=${name}`, {
      protocols: ['chat.v1'],
    })
    const incoming = socket[Symbol.asyncIterator]()
    return { socket, hears: async () => (await incoming.next()).value }
  }

  it('tells everybody in a room what one of them says, and nobody else', { timeout }, async () => {
    const ada = await enter('hall', 'ada')
    assert.equal(ada.socket.protocol, 'chat.v1')
    assert.equal(await ada.hears(), 'ada is here')
    const bob = await enter('hall', 'bob')
    const eve = await enter('attic', 'eve')
    assert.equal(await ada.hears(), 'bob is here')
    assert.equal(await bob.hears(), 'bob is here')
    assert.equal(await eve.hears(), 'eve is here')

    await ada.socket.send('good morning')
    assert.equal(await ada.hears(), 'ada: good morning')
    assert.equal(await bob.hears(), 'ada: good morning')
    await eve.socket.send('alone')
    assert.equal(await eve.hears(), 'eve: alone')

    await ada.socket.close(1000)
    assert.equal(await bob.hears(), 'ada has left')
    await bob.socket.close(1000)
    await eve.socket.close(1000)
  })

  it('does not let anybody in without a name, and says so with 401', { timeout }, async () => {
    await assert.rejects(connect(`ws://127.0.0.1:${running.port}/chat/hall`), {
      code: 'ERR_UPGRADE_DECLINED',
      status: 401,
    })
  })

  it('takes text only, and no message beyond 4 KiB', { timeout }, async () => {
    const binary = await enter('hall', 'ada')
    await binary.socket.send(Buffer.from('00ff', 'hex'))
    assert.equal((await binary.socket.closed).code, 1003)
    const long = await enter('hall', 'bob')
    await long.socket.send('x'.repeat(4_097))
    assert.equal((await long.socket.closed).code, 1009)
  })

  it('has a page that speaks to it', { timeout }, async () => {
    const response = await fetch(`http://127.0.0.1:${running.port}/`)
    assert.equal(response.status, 200)
    assert.match(await response.text(), /new WebSocket\(url, 'chat\.v1'\)/)
  })
})
