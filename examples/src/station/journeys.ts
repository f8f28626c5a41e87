// Knows how the station's own client performs what a browser cannot, and says what its code got.
import { once } from 'node:events'
import { Agent, get, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect as connectTcp } from 'node:net'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { SecureVersion } from 'node:tls'
import { connect, connectH2c, upgrade, upgradeTls } from 'turnout'
import { handwritten } from './handwritten.ts'
import { join, noBytes } from './page/bytes.ts'
import { readMessage } from './page/http.ts'
import { type Chosen, type Scenario, scenarios, settle } from './page/scenarios.ts'

export interface Journeys {
  /** POST /run/SCENARIO?tape=ID&CHOICE=VALUE: performs it, answers `{ "said": ["…"] }`. */
  answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void>
}

/** One journey: where to, under which tape, and how long it may take. */
interface Journey {
  readonly scenario: Scenario
  readonly chosen: Chosen
  /** `127.0.0.1:8101` */
  readonly address: string
  /** Path and query of the request. */
  readonly target: string
  readonly signal: AbortSignal
  /** The station's own certificate, which its client trusts. */
  readonly ca: string
  /** The station over https; undefined: there is none. */
  readonly secureAddress: string | undefined
}

/** Sentences about what the client's code saw. */
type Said = string[]

const timeLimitMs = 5_000
const maxUnderway = 8

export function createJourneys(
  address: () => string,
  ca: string,
  secureAddress: () => string | undefined,
): Journeys {
  let underway = 0
  return {
    async answer(request, response, url) {
      request.resume()
      const scenario = scenarios.find(({ id }) => `/run/${id}` === url.pathname)
      const tape = url.searchParams.get('tape') ?? ''
      if (scenario === undefined) return sendJson(response, 404, { error: 'no such scenario' })
      if (request.method !== 'POST') return sendJson(response, 405, { error: 'POST' })
      if (underway >= maxUnderway) return sendJson(response, 429, { error: 'too many at once' })
      const chosen = settle(scenario, Object.fromEntries(url.searchParams))
      const performer = scenario.performer(chosen)
      if (performer === 'browser') return sendJson(response, 400, { error: 'the browser performs this' })

      underway += 1
      const signal = AbortSignal.timeout(timeLimitMs)
      const target = `${scenario.path}?tape=${encodeURIComponent(tape)}`
      const journey = {
        scenario,
        chosen,
        address: address(),
        target,
        signal,
        ca,
        secureAddress: secureAddress(),
      }
      try {
        sendJson(response, 200, { said: await (performer === 'hand' ? byHand(journey) : byTurnout(journey)) })
      } catch (error) {
        sendJson(response, 200, { said: [saysError(error)] })
      } finally {
        underway -= 1
      }
    },
  }
}

function byTurnout(journey: Journey): Promise<Said> {
  switch (journey.scenario.id) {
    case 'preference':
      return offerProtocols(journey)
    case 'declined':
      return beDeclined(journey)
    case 'http2':
      return talkOverHttp2(journey)
    case 'h2c':
      return speakHttp2(journey)
    case 'tls':
      return secureInPlace(journey)
    case 'tls-required':
      return beInvited(journey)
    default:
      return talk(journey)
  }
}

async function offerProtocols({ address, target, chosen, signal }: Journey): Promise<Said> {
  const protocols = (chosen.offer ?? '').split(', ')
  const { protocol, stream, response } = await upgrade(`http://${address}${target}`, { protocols, signal })
  if (protocol === undefined) {
    response.resume()
    return [`upgrade() resolved without a protocol: ${response.statusCode}`]
  }
  const said = [`upgrade() resolved with protocol '${protocol}'`]
  const questions = ['hello from the client', 'one track becomes two']
  for await (const line of createInterface({ input: stream })) {
    said.push(`the stream gave '${line}'`)
    const question = questions.shift()
    if (question === undefined) stream.end()
    else stream.write(`${question}\n`)
  }
  return said
}

async function beDeclined({ address, target, signal }: Journey): Promise<Said> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  try {
    const url = `http://${address}${target}`
    const { protocol, response } = await upgrade(url, { protocols: ['quux/9'], agent, signal })
    const body = await text(response)
    const [next] = (await once(get(`http://${address}/demo/next`, { agent, signal }), 'response')) as [
      IncomingMessage,
    ]
    await text(next)
    return [
      `upgrade() resolved with protocol ${protocol} and the response: ${response.statusCode}, ${JSON.stringify(body)}`,
      'the same connection then carried an ordinary GET',
    ]
  } finally {
    agent.destroy()
  }
}

async function talkOverHttp2({ secureAddress, target, signal, ca }: Journey): Promise<Said> {
  if (secureAddress === undefined) return ['the station has no https port now: see what it said at its start']
  const socket = await connect(`wss://${secureAddress}${target}`, { http2: true, tls: { ca }, signal })
  const said = ['connect() resolved, over HTTP/2']
  for await (const message of socket) {
    said.push(`a message came: '${message}'`)
    if (said.length > 2) void socket.close(1000, 'end of the line')
    else await socket.send('One connection, many streams.')
  }
  const { code, reason } = await socket.closed
  return [...said, `socket.closed resolved with ${code} '${reason}'`]
}

async function speakHttp2({ address, target, signal }: Journey): Promise<Said> {
  const settings = { enablePush: false, initialWindowSize: 1_000_000 }
  const result = await connectH2c(`http://${address}${target}`, { settings, signal })
  if (result.protocol === undefined) {
    result.response.resume()
    return [`connectH2c() resolved without HTTP/2: ${result.response.statusCode}`]
  }
  const { session, status, stream, body } = result
  try {
    const answer = await text(body)
    const next = session.request({ ':path': '/demo/next' }, { signal })
    const more = await text(next)
    return [
      `connectH2c() resolved with protocol '${result.protocol}' and status ${status}`,
      `the answer came on stream ${stream.id}: '${answer.trim()}'`,
      `another request, on stream ${next.id}: '${more.trim()}'`,
    ]
  } finally {
    session.close()
  }
}

async function secureInPlace({ address, target, chosen, signal, ca }: Journey): Promise<Said> {
  const tls = { ca, maxVersion: chosen.most as SecureVersion }
  const { secure, socket, response, agent } = await upgradeTls(`http://${address}${target}`, {
    mode: 'optional',
    tls,
    signal,
  })
  try {
    return [
      `upgradeTls() resolved with secure: ${secure}`,
      ...(socket === undefined
        ? []
        : [`the handshake made it ${socket.getProtocol()}, ${socket.getCipher().name}`]),
      ...(await saysAnswer(response, secure)),
    ]
  } finally {
    agent?.destroy()
  }
}

async function beInvited({ address, target, signal, ca }: Journey): Promise<Said> {
  const { secure, response, agent } = await upgradeTls(`http://${address}${target}`, {
    mode: 'invited',
    tls: { ca },
    signal,
  })
  try {
    return [
      'the 426 was followed: OPTIONS * on a new connection, then TLS, then the request',
      `upgradeTls() resolved with secure: ${secure}`,
      ...(await saysAnswer(response, secure)),
    ]
  } finally {
    agent?.destroy()
  }
}

/** The response as the client has it: status, fields, body. */
async function saysAnswer(response: IncomingMessage, secure: boolean): Promise<Said> {
  const body = await text(response)
  const fields = Object.entries(response.headers).map(([name, value]) => `${name}: ${value}`)
  return [
    `the answer came ${secure ? 'over TLS' : 'in the clear'}: ${response.statusCode} ${response.statusMessage}`,
    ...fields,
    JSON.stringify(body),
  ]
}

async function talk({ address, target, chosen, signal }: Journey): Promise<Said> {
  const protocols = (chosen.offer ?? '').split(', ')
  const socket = await connect(`ws://${address}${target}`, { protocols, signal })
  const said = [`connect() resolved, socket.protocol is '${socket.protocol}'`]
  const lines = ['Good morning.', 'Schönen guten Morgen.']
  for await (const message of socket) {
    said.push(`a message came: '${message}'`)
    const line = lines.shift()
    if (line === undefined) void socket.close(1000, 'end of the line')
    else await socket.send(line)
  }
  const { code, reason } = await socket.closed
  return [...said, `socket.closed resolved with ${code} '${reason}'`]
}

/** Plain TCP: the request as it is written, and whatever comes back. */
async function byHand({ scenario, chosen, address, target, signal }: Journey): Promise<Said> {
  const { hostname, port } = new URL(`http://${address}`)
  const socket = connectTcp({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), signal })
  socket.write(handwritten(scenario.id, chosen, target, address), 'latin1')
  let held = noBytes
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    held = join([held, chunk])
    if (readMessage(held) !== undefined) break
  }
  socket.destroy()
  const answer = readMessage(held, { toTheEnd: true })?.message
  if (answer === undefined) return ['the server hung up without an answer']
  const { start } = answer.head
  return [`the server answered '${start}'`, ...saysBody(answer.body)]
}

function saysBody(body: Uint8Array): Said {
  const words = Buffer.from(body).toString('utf8').trim()
  return words === '' ? [] : [`and explained: ${words}`]
}

function saysError(error: unknown): string {
  const { name, code, message } = error as { name?: string; code?: string; message?: string }
  return `${name ?? 'Error'}${code === undefined ? '' : ` ${code}`}: ${message ?? ''}`
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
  response.end(JSON.stringify(value))
}
