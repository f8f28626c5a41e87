// The server behind the page: the tape, the tap, the journeys of its own client, the files, the way in and out.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { connect } from 'turnout'
import { explainField } from '../src/station/page/explain.ts'
import { statusOf } from '../src/station/page/http.ts'
import { ConnectionReader, type Step } from '../src/station/page/reader.ts'
import { type Chosen, type Scenario, scenarios } from '../src/station/page/scenarios.ts'
import { type Station, startStation } from '../src/station/station.ts'
import { createTap } from '../src/station/tap.ts'
import { createShelf, type WireEvent } from '../src/station/tape.ts'

describe('a tape', () => {
  test('tells what was, then what is, to each who follows', () => {
    const tape = createShelf({ now: () => 0 }).tape('tape-one')!
    const recorder = tape.record()
    const seen: string[] = []
    const stop = tape.follow(0, ({ kind }, index) => seen.push(`${index} ${kind}`))
    recorder.bytes('client', Buffer.from('hi'))
    stop()
    recorder.close()
    assert.deepEqual(seen, ['0 open', '1 bytes'])
  })

  test('keeps no more than it may, and says that it is full', () => {
    const tape = createShelf({ maxTapeBytes: 1000 }).tape('tape-one')!
    const recorder = tape.record()
    for (let chunk = 0; chunk < 100; chunk += 1) recorder.bytes('client', Buffer.alloc(100))
    assert.equal(tape.events.at(-1)!.kind, 'full')
    assert.ok(tape.events.length < 10)
  })

  test('is taken off the shelf when there are too many, and needs a proper name', () => {
    const shelf = createShelf({ maxTapes: 2 })
    const first = shelf.tape('tape-one')
    assert.equal(shelf.tape('tape-one'), first)
    shelf.tape('tape-two')
    shelf.tape('tape-three')
    assert.notEqual(shelf.tape('tape-one'), first)
    for (const name of ['', 'short', '../../etc', 'a'.repeat(65)]) assert.equal(shelf.tape(name), undefined)
  })
})

describe('the station', () => {
  let station: Station
  let tapes = 0
  before(async () => {
    station = await startStation({ port: 0, host: '127.0.0.1', httpsPort: 0 })
  })
  after(() => station.close())

  const newTape = () => `tape-number-${(tapes += 1)}`
  const at = (path: string) => new URL(path, `http://127.0.0.1:${station.port}`)

  async function run(scenario: Scenario, chosen: Chosen): Promise<{ said: string[]; steps: Step[] }> {
    const tape = newTape()
    const query = new URLSearchParams({ ...chosen, tape })
    const response = await fetch(at(`/run/${scenario.id}?${query}`), { method: 'POST' })
    assert.equal(response.status, 200)
    const { said } = (await response.json()) as { said: string[] }
    return { said, steps: await stepsOf(tape) }
  }

  /** One GET on a connection of its own. */
  async function visit(target: string, line: string = 'X-Note: none'): Promise<string> {
    const socket = connectTcp(station.port, '127.0.0.1')
    socket.end(`GET ${target} HTTP/1.1\r\nHost: a\r\n${line}\r\nConnection: close\r\n\r\n`)
    return await text(socket)
  }

  /** What a WebSocket client is told of the tape, up to the end of its connection. */
  async function stepsOf(tape: string): Promise<Step[]> {
    const socket = await connect(at(`/tape/${tape}`), { signal: AbortSignal.timeout(5000) })
    const reader = new ConnectionReader()
    const steps: Step[] = []
    for await (const message of socket) {
      steps.push(...reader.read(JSON.parse(String(message)) as WireEvent))
      if (steps.at(-1)?.kind === 'close') break
    }
    await socket.close()
    return steps
  }

  const statusesOf = (steps: readonly Step[]) =>
    steps.flatMap((step) => (step.kind === 'response' ? [statusOf(step.message.head)] : []))
  const switchOf = (steps: readonly Step[]) =>
    steps.flatMap((step) => (step.kind === 'switch' ? [step.protocol] : []))[0]

  for (const scenario of scenarios) {
    for (const chosen of everyChoice(scenario)) {
      if (scenario.performer(chosen) === 'browser') continue
      test(`performs “${scenario.title}” ${JSON.stringify(chosen)} and records it`, async () => {
        const { said, steps } = await run(scenario, chosen)
        const malformed = chosen.version === '013'
        assert.equal(statusesOf(steps)[0], malformed ? 400 : scenario.status, said.join('; '))
        assert.ok(!said.some((line) => line.includes('Error')), said.join('; '))
        assert.deepEqual([steps[0]!.kind, steps.at(-1)!.kind], ['open', 'close'])
        for (const step of steps) {
          if (step.kind !== 'request' && step.kind !== 'response') continue
          for (const [name, value] of step.message.head.fields) {
            const { section } = explainField(name, value, step.message.head, undefined)
            assert.match(section ?? `${name} has no section`, /^RFC \d+ section [\d.]+$/)
          }
        }
      })
    }
  }

  test('R5: the order of the client decides', async () => {
    const preference = scenarios.find(({ id }) => id === 'preference')!
    for (const [offer, expected] of [
      ['example/1, foo/2', 'example/1'],
      ['foo/2, example/1', 'foo/2'],
      ['quux/9, foo/2', 'foo/2'],
    ] as const) {
      const { said, steps } = await run(preference, { offer })
      assert.equal(switchOf(steps), expected)
      assert.equal(said[0], `upgrade() resolved with protocol '${expected}'`)
    }
  })

  test('R11: after a declined upgrade the same connection carries the next request', async () => {
    const { steps } = await run(scenarios.find(({ id }) => id === 'declined')!, { because: 'unknown' })
    assert.deepEqual(statusesOf(steps), [200, 200])
  })

  test('R34: the 426 lists the versions', async () => {
    const { steps } = await run(scenarios.find(({ id }) => id === 'version')!, { version: '8' })
    const fields = steps.flatMap((step) => (step.kind === 'response' ? step.message.head.fields : []))
    const named = Object.fromEntries(fields.map(([name, value]) => [name.toLowerCase(), value]))
    assert.equal(named['sec-websocket-version'], '13')
    assert.match(named.upgrade ?? '', /websocket/i)
    assert.match(named.connection ?? '', /upgrade/i)
  })

  test('tells the tape as Server-Sent Events, too, from where the browser had come', async () => {
    const tape = newTape()
    await visit(`/demo/ordinary?tape=${tape}`)
    const abort = new AbortController()
    const response = await fetch(at(`/tape/${tape}`), {
      headers: { 'last-event-id': '0' },
      signal: abort.signal,
    })
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    let events = ''
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) {
      events += decoder.decode(chunk, { stream: true })
      if (events.includes('"close"')) break
    }
    abort.abort()
    assert.match(events, /^id: 1\ndata: \{"connection":1,.*"kind":"bytes","from":"client"/)
  })

  test('records nothing of a connection whose first request does not name the tape', async () => {
    const tape = newTape()
    await visit('/demo/ordinary', `X-Note: GET /demo/?tape=${tape} HTTP/1.1`)
    await visit(`/?tape=${tape}`)
    await visit(`/run/nothing?tape=${tape}`)
    await visit(`/demo/ordinary?note=1&tape=${tape}`)
    assert.equal((await stepsOf(tape)).filter(({ kind }) => kind === 'open').length, 1)
  })

  test('serves the page, to itself alone', async () => {
    const response = await fetch(at('/'))
    assert.equal(response.status, 200)
    assert.match(await response.text(), /<h1>/)
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    const again = await fetch(at('/'), { headers: { 'if-none-match': response.headers.get('etag')! } })
    assert.equal(again.status, 304)
    assert.equal((await fetch(at('/app.js'), { method: 'HEAD' })).status, 200)
    assert.equal((await fetch(at('/'), { method: 'POST' })).status, 405)
    for (const path of ['/nowhere', '/../station.js', '/%2e%2e/main.js', '/tape/x', '/run/nothing']) {
      assert.equal((await fetch(at(path))).status, 404, path)
    }
  })

  test('runs journeys on a POST only, and leaves the browser’s to the browser', async () => {
    assert.equal((await fetch(at('/run/version'))).status, 405)
    assert.equal((await fetch(at('/run/websocket'), { method: 'POST' })).status, 400)
  })

  test('lives on after a request target that is no URL, and after a reset', async () => {
    assert.match(await visit('//'), /^HTTP\/1\.1 400 /)
    const other = connectTcp(station.port, '127.0.0.1')
    await once(other, 'connect')
    other.write(`GET /demo/echo?tape=${newTape()} HTTP/1.1\r\n`)
    other.resetAndDestroy()
    assert.equal((await fetch(at('/'))).status, 200)
  })
})

test('a station closes while connections are open', { timeout: 10_000 }, async () => {
  const station = await startStation({ port: 0, host: '127.0.0.1' })
  const socket = await connect(`ws://127.0.0.1:${station.port}/demo/echo?tape=tape-to-close`)
  const idle = connectTcp(station.port, '127.0.0.1')
  await once(idle, 'connect')
  const gone = once(idle, 'close')
  await station.close()
  assert.equal((await socket.closed).code, 1001)
  await gone
})

test('the tap lets go of the server behind when a connection fails right after its FIN', async (t) => {
  // FIN and failure in one turn: behind, the FIN is still on the way when the failure is to be handed on.
  const failAtEnd = (front: Socket) => front.on('end', () => front.destroy(new Error('lost')))
  // Half-open: this side learns that the tap has gone by writing to it.
  const behind = createServer({ allowHalfOpen: true }, (socket) => {
    socket.resume().on('end', () => {
      const writing = setInterval(() => socket.write('is there anybody?'), 10)
      socket.on('close', () => clearInterval(writing))
    })
  })
  const tap = createTap(createShelf(), () => (behind.address() as AddressInfo).port)
  tap.server.on('connection', failAtEnd)
  t.after(() => {
    tap.server.close()
    tap.destroyAll()
    behind.close()
  })
  for (const server of [behind, tap.server]) await once(server.listen(0, '127.0.0.1'), 'listening')

  const reached = once(behind, 'connection') as Promise<[Socket]>
  const client = connectTcp((tap.server.address() as AddressInfo).port, '127.0.0.1')
  const [socket] = await reached
  client.on('error', () => {}).end('GET / HTTP/1.1\r\n')
  t.after(() => socket.destroy())
  const [error] = await once(socket, 'error', { signal: AbortSignal.timeout(5000) })
  assert.ok(['EPIPE', 'ECONNRESET'].includes(error.code), error.code)
})

describe('the command', () => {
  const main = fileURLToPath(new URL('../src/station/main.js', import.meta.url))
  const start = async (env: Record<string, string>) => {
    const child = spawn(process.execPath, [main], { env: { ...process.env, ...env }, timeout: 10_000 })
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close') as Promise<[number]>,
    ])
    return { stdout, stderr, code }
  }

  test('says so when the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const { stderr, code } = await start({ PORT: String(port) })
    other.close()
    assert.equal(
      stderr,
      `Port ${port} is taken by another program. Choose one that is free: PORT=${port + 1} npm start\n`,
    )
    assert.equal(code, 1)
  })

  test('says so when PORT or HTTPS_PORT is no port, or HOST no address of this machine', async () => {
    const wrongPort = await start({ PORT: 'http' })
    assert.equal(wrongPort.stderr, "PORT is 'http', not a number from 0 to 65535.\n")
    assert.equal(wrongPort.code, 1)
    for (const port of ['65536', 'abc']) {
      const wrongHttpsPort = await start({ PORT: '0', HTTPS_PORT: port })
      assert.equal(wrongHttpsPort.stderr, `HTTPS_PORT is '${port}', not a number from 0 to 65535.\n`)
      assert.deepEqual([wrongHttpsPort.stdout, wrongHttpsPort.code], ['', 1])
    }
    const wrongHost = await start({ PORT: '0', HOST: '192.0.2.1' })
    assert.equal(wrongHost.stderr, "HOST is '192.0.2.1', which is no address of this machine.\n")
    assert.equal(wrongHost.code, 1)
  })

  test('says so when the https port is taken, and serves the page over http all the same', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const env = { ...process.env, PORT: '0', HTTPS_PORT: String(port) }
    const child = spawn(process.execPath, [main], { env, timeout: 10_000 })
    const [[line], [error]] = (await Promise.all([
      once(child.stdout, 'data'),
      once(child.stderr, 'data'),
    ])) as [[Buffer], [Buffer]]
    other.close()
    assert.match(
      String(error),
      new RegExp(
        `^No page over https: port ${port} is taken by another program. Choose another: HTTPS_PORT=`,
      ),
    )
    const [, url = ''] = /^The station is open: (\S+)\n$/.exec(String(line)) ?? []
    assert.equal((await fetch(url)).status, 200)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'close'), [0, null])
  })

  test('opens, says where, and leaves on a signal', async () => {
    const child = spawn(process.execPath, [main], {
      env: { ...process.env, PORT: '0', HTTPS_PORT: '0' },
      timeout: 10_000,
    })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    const [, url = ''] = /^The station is open: (http:\/\/localhost:\d+\/)\n/.exec(String(line)) ?? []
    assert.equal((await fetch(url)).status, 200)
    child.kill('SIGTERM')
    assert.deepEqual(await once(child, 'close'), [0, null])
  })
})

/** Every combination of a scenario's choices. */
function everyChoice(scenario: Scenario): Chosen[] {
  return scenario.choices.reduce<Chosen[]>(
    (sets, { name, options }) =>
      sets.flatMap((set) => options.map(({ value }): Chosen => ({ ...set, [name]: value }))),
    [{}],
  )
}
