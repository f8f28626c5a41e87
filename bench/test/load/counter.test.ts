import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Counter, createCounter } from '../../src/load/counter.ts'
import { type Agreement, compressAlone } from '../../src/load/deflate.ts'
import { header, Ring } from '../../src/load/ring.ts'

/** What a right server sends back for the ring's first messages. */
function echoOf(ring: Ring, messages: number): Buffer {
  return Buffer.concat(
    Array.from({ length: messages }, (_, index) => {
      const payload = ring.payloads[index % ring.length]!
      return Buffer.concat([header(0x81, payload.length, 0), payload])
    }),
  )
}

function feed(counter: Counter, bytes: Buffer, chunkBytes: number): number {
  let messages = 0
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    const chunk = bytes.subarray(offset, offset + chunkBytes)
    messages += counter.count(chunk, chunk.length)
  }
  return messages
}

function verifying(ring: Ring, framing: 'websocket' | 'raw' = 'websocket'): Counter {
  const counter = createCounter(framing, ring)
  counter.verify = true
  return counter
}

test('messages are counted alike however their bytes are cut', () => {
  for (const size of [0, 1, 16, 125, 126, 300]) {
    const ring = new Ring(size, false, 1)
    const bytes = echoOf(ring, ring.length + 3)
    for (const chunkBytes of [1, 2, 3, 7, 10, 11, bytes.length]) {
      assert.equal(feed(verifying(ring), bytes, chunkBytes), ring.length + 3, `${size} B by ${chunkBytes}`)
    }
  }
})

test('a message of 64 KiB and more is counted at its last byte', () => {
  const ring = new Ring(70_000, true, 1)
  const bytes = echoOf(ring, 2)
  const counter = verifying(ring)
  assert.equal(counter.count(bytes.subarray(0, bytes.length - 1), bytes.length - 1), 1)
  assert.equal(counter.count(bytes.subarray(bytes.length - 1), 1), 1)
})

test('bytes in the buffer beyond the length are not read', () => {
  const ring = new Ring(16, false, 1)
  const bytes = echoOf(ring, 4)
  assert.equal(verifying(ring).count(bytes, 36), 2)
})

test('a message may come in fragments, with a control frame among them', () => {
  const ring = new Ring(16, false, 1)
  const payload = ring.payloads[0]!
  const bytes = Buffer.concat([
    header(0x01, 6, 0),
    payload.subarray(0, 6),
    header(0x89, 2, 0),
    Buffer.from('hi'),
    header(0x80, 10, 0),
    payload.subarray(6),
  ])
  for (const chunkBytes of [1, 5, bytes.length]) {
    assert.equal(feed(verifying(ring), bytes, chunkBytes), 1)
  }
})

test('RFC 6455 section 5.5.2: a Ping is told with its payload, empty or not, however its bytes are cut', () => {
  const ring = new Ring(16, false, 1)
  const bytes = Buffer.concat([
    header(0x89, 0, 0),
    echoOf(ring, 1),
    header(0x89, 4, 0),
    Buffer.from('beat'),
    header(0x8a, 2, 0),
    Buffer.from('no'),
  ])
  for (const chunkBytes of [1, 3, bytes.length]) {
    const pings: string[] = []
    const counter = createCounter('websocket', ring, { ping: (payload) => pings.push(payload.toString()) })
    assert.equal(feed(counter, bytes, chunkBytes), 1)
    assert.deepEqual(pings, ['', 'beat'])
  }
})

test('another content, another length, another order are errors', () => {
  const ring = new Ring(16, false, 1)
  const right = echoOf(ring, 2)
  const changed = Buffer.from(right)
  changed[7]! ^= 1
  assert.throws(() => feed(verifying(ring), changed, 5), /another content/)
  assert.throws(() => feed(verifying(ring), right.subarray(18), 5), /another content/)
  const short = Buffer.concat([header(0x81, 15, 0), ring.payloads[0]!.subarray(0, 15)])
  assert.throws(
    () => feed(createCounter('websocket', ring), short, 99),
    /of 15 bytes came back, 16 were sent/,
  )
  const long = Buffer.concat([header(0x81, 17, 0), ring.payloads[0]!, Buffer.from('!')])
  assert.throws(() => feed(verifying(ring), long, 99), /came back/)
})

test('RFC 6455 section 5: a masked frame, a reserved bit and Close are errors', () => {
  const ring = new Ring(16, false, 1)
  const wrong = (hex: string) => () => feed(verifying(ring), Buffer.from(hex, 'hex'), 99)
  assert.throws(wrong('81810000000061'), /masked/)
  assert.throws(wrong('c10161'), /reserved bit/)
  assert.throws(wrong('880203e8'), /Close/)
})

const agreement: Agreement = { clientWindowBits: 15, serverWindowBits: 15, serverTakeover: true }
const compressed = new Ring(1024, false, 1, (plain) => compressAlone(plain, 15))

function compressedEcho(messages: number, firstByte = 0xc1): Buffer {
  return Buffer.concat(
    compressed.payloads.slice(0, messages).map((plain) => {
      const payload = compressAlone(plain, 15)
      return Buffer.concat([header(firstByte, payload.length, 0), payload])
    }),
  )
}

test('compressed answers are inflated and compared, however their bytes are cut', () => {
  const bytes = compressedEcho(5)
  for (const chunkBytes of [1, 7, bytes.length]) {
    const counter = createCounter('websocket', compressed, { agreement })
    counter.verify = true
    assert.equal(feed(counter, bytes, chunkBytes), 5)
  }
  const counter = createCounter('websocket', compressed, { agreement })
  counter.verify = true
  const second = bytes.subarray(header(0xc1, compressAlone(compressed.payloads[0]!, 15).length, 0).length)
  assert.throws(() => feed(counter, second, 99))
  const other = createCounter('websocket', new Ring(1024, false, 1), { agreement })
  other.verify = true
  assert.throws(() => feed(other, bytes, 99), /another content/)
})

test('compressed answers are only counted once they need not be compared', () => {
  const bytes = compressedEcho(9)
  assert.equal(feed(createCounter('websocket', compressed, { agreement }), bytes, 50), 9)
})

test('RFC 7692 section 6: RSV1 stands on the first frame of a compressed message, and nowhere else', () => {
  const wrong = (hex: string) => () =>
    feed(createCounter('websocket', compressed, { agreement }), Buffer.from(hex, 'hex'), 99)
  assert.throws(wrong('810161'), /without compression/)
  assert.throws(wrong('e10161'), /reserved bit/)
  assert.throws(wrong('c900'), /reserved bit/)
  assert.throws(wrong('410161c00161'), /reserved bit/)
  const payload = compressAlone(compressed.payloads[0]!, 15)
  const counter = createCounter('websocket', compressed, { agreement })
  counter.verify = true
  const fragments = [
    header(0x41, 100, 0),
    payload.subarray(0, 100),
    header(0x80, payload.length - 100, 0),
    payload.subarray(100),
  ]
  assert.equal(feed(counter, Buffer.concat(fragments), 33), 1)
})

test('without frames, bytes are counted by the length of what was sent, and compared with it', () => {
  const ring = new Ring(16, false, 8)
  const bytes = Buffer.from(ring.take(0, 8))
  for (const chunkBytes of [1, 21, 23, bytes.length]) {
    assert.equal(feed(verifying(ring, 'raw'), bytes, chunkBytes), 8)
  }
  bytes[40]! ^= 1
  assert.throws(() => feed(verifying(ring, 'raw'), bytes, 30), /other bytes/)
})
