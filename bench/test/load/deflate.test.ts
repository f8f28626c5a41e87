import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, createDeflateRaw, type DeflateRaw, inflateRawSync } from 'node:zlib'
import { compressAlone, Inflater, offer, readAgreement } from '../../src/load/deflate.ts'
import { jsonText } from '../../src/load/json.ts'

const messages = Array.from({ length: 6 }, (_, index) => Buffer.from(jsonText(9000, index)))

function agreed(extensions: string): ReturnType<typeof readAgreement> {
  return readAgreement(`HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Extensions: ${extensions}\r\nA: b`)
}

/** What a server with context takeover puts into its frames. */
async function compressInTurn(deflate: DeflateRaw, plain: Buffer): Promise<Buffer> {
  const parts: Buffer[] = []
  const keep = (part: Buffer) => void parts.push(part)
  deflate.on('data', keep)
  deflate.write(plain)
  await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve))
  deflate.off('data', keep)
  return Buffer.concat(parts).subarray(0, -4)
}

test('RFC 7692 section 7.1: the answer says whose window is how large, and whether the server keeps its own', () => {
  assert.match(offer, /^permessage-deflate; client_max_window_bits$/)
  assert.deepEqual(agreed('permessage-deflate'), {
    clientWindowBits: 15,
    serverWindowBits: 15,
    serverTakeover: true,
  })
  assert.deepEqual(
    agreed(
      'permessage-deflate;client_max_window_bits=12; server_max_window_bits=9;server_no_context_takeover',
    ),
    { clientWindowBits: 12, serverWindowBits: 9, serverTakeover: false },
  )
})

test('an answer without the extension, or with what was not offered, is an error', () => {
  assert.throws(() => readAgreement('HTTP/1.1 101 Switching Protocols\r\nA: b'), /did not take up/)
  for (const wrong of [
    'x-webkit-deflate-frame',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; server_max_window_bits=16',
    'permessage-deflate; other',
    'permessage-deflate, permessage-deflate',
  ]) {
    assert.throws(() => agreed(wrong), /answered the extension/, wrong)
  }
})

test('RFC 7692 section 7.2.1: what is sent refers to no other message and lacks its tail', () => {
  const [plain] = messages
  const payload = compressAlone(plain!, 15)
  assert.ok(payload.length < plain!.length / 2)
  const whole = Buffer.concat([payload, Buffer.from('0000ffff', 'hex')])
  assert.deepEqual(inflateRawSync(whole, { finishFlush: constants.Z_SYNC_FLUSH }), plain)
})

test('RFC 7692 section 7.1.2.2: what is sent reaches no further back than the window that the server allows', () => {
  // The same 700 bytes twice, 20,000 noisy bytes apart: only a window of 15 bits spans them.
  const repeated = Buffer.from(jsonText(700, 1))
  const noise = Buffer.from(Array.from({ length: 20_000 }, (_, index) => (index * index * 7919) >> 5))
  const plain = Buffer.concat([repeated, noise, repeated])
  assert.ok(compressAlone(plain, 9).length > compressAlone(plain, 15).length + 150)
})

test('answers that refer to those before them are inflated, in parts and with any window', async () => {
  for (const windowBits of [9, 13, 15]) {
    const deflate = createDeflateRaw({ windowBits })
    const inflater = new Inflater(agreed(`permessage-deflate; server_max_window_bits=${windowBits}`))
    for (const plain of [...messages, ...messages]) {
      const payload = await compressInTurn(deflate, plain)
      inflater.add(payload.subarray(0, 100))
      inflater.add(payload.subarray(100))
      assert.deepEqual(inflater.end(), plain)
    }
    deflate.close()
  }
})

test('a server that refers to what it promised to forget is found out', async () => {
  const deflate = createDeflateRaw()
  const inflater = new Inflater(agreed('permessage-deflate; server_no_context_takeover'))
  const [plain] = messages
  inflater.add(await compressInTurn(deflate, plain!))
  assert.deepEqual(inflater.end(), plain)
  inflater.add(await compressInTurn(deflate, plain!))
  assert.throws(() => inflater.end(), /invalid distance/)
  deflate.close()
})

test('an answer after one that was not inflated is refused when it may refer to it', () => {
  const payload = compressAlone(messages[0]!, 15)
  const keeping = new Inflater(agreed('permessage-deflate'))
  keeping.skip()
  keeping.add(payload)
  assert.throws(() => keeping.end(), /cannot be inflated/)
  const forgetting = new Inflater(agreed('permessage-deflate; server_no_context_takeover'))
  forgetting.skip()
  forgetting.add(payload)
  assert.deepEqual(forgetting.end(), messages[0])
})
