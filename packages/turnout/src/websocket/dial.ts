// Knows how a client opens a WebSocket, from a handshake whose parts are right to an open connection: over HTTP/1.1
// (RFC 6455 section 4.1) or HTTP/2 (RFC 8441).
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { systemClock } from '../base/clock.ts'
import { type ErrorCode, PeerError } from '../base/errors.ts'
import { tellOrWarn } from '../base/tell.ts'
import { duplexTransport } from '../transport/duplex.ts'
import { chosenProxy, withUpgrade } from '../upgrade/client.ts'
import { type Outcome, perform } from '../upgrade/exchange.ts'
import { performConnect } from '../upgrade/h2-client.ts'
import { type Carrier, type Http2Choice, openCarrier } from '../upgrade/h2-session.ts'
import { readTarget, type Target, where } from '../upgrade/target.ts'
import type { AnyConnectOptions } from './client.ts'
import { checkConnected } from './connect-handshake.ts'
import type { AnyConnection } from './connection.ts'
import type { Dial } from './dial-plan.ts'
import { type ExtensionOffer, formatExtensions } from './extension.ts'
import { checkSwitch, createKey, type ExpectedSwitch, requestFields } from './handshake.ts'
import { refusal } from './handshake-error.ts'
import { abandonConnection, createConnection, failHandler, openConnection } from './inside.ts'
import { watch } from './receiver.ts'
import { type Hop, type Redirect, readRedirect } from './redirect.ts'
import { type Agreed, confirmExtensions, type Extension, stackTransforms } from './transform.ts'
import { takeTurn } from './turns.ts'

/** Performs it, redirects included. Rejects as `connect` does. */
export async function dial<Data>(plan: Dial<Data>): Promise<AnyConnection<Data>> {
  const { maxRedirects = 0, clock = systemClock, signal, agent } = plan.options
  let { hop, timeoutMs: leftMs } = plan
  for (let redirects = 0; ; redirects++) {
    const target = readTarget(hop.url, ['ws:', 'wss:'], hop.socketPath)
    const endTurn = await takeTurn(where(target), signal)
    const beganMs = clock.now()
    const { outcome, agreed } = await shakeHands(plan, hop, target, leftMs).finally(endTurn)
    const { response } = outcome
    if (outcome.kind === 'switched') return open(plan, agreed, outcome.stream, response)
    const redirect = maxRedirects === 0 ? NOT_WANTED : readRedirect(response, hop, agent)
    const refused = (code: ErrorCode, why?: string) => refusal({ code, why, response, target, signal, clock })
    if (redirect.kind === 'none') throw await refused('ERR_UPGRADE_DECLINED')
    if (redirect.kind === 'refused') throw await refused('ERR_REDIRECT', redirect.why)
    if (redirects === maxRedirects) {
      throw await refused('ERR_REDIRECT', `one redirect more than the ${maxRedirects} allowed`)
    }
    response.destroy()
    leftMs = Math.max(1, leftMs - (clock.now() - beganMs))
    hop = redirect.hop
  }
}

const NOT_WANTED: Redirect = { kind: 'none' }

/** What the 101 says was agreed. */
interface Agreement {
  readonly protocol: string
  readonly extensions: readonly ExtensionOffer[]
  /** What those extensions do. */
  readonly transforms: readonly Agreed[]
}

const NOTHING: Agreement = { protocol: '', extensions: [], transforms: [] }

/** What came of one request. */
interface Shaken {
  readonly outcome: Outcome
  readonly agreed: Agreement
}

/** One handshake with one server, as it is about to be made. */
interface Shake<Data> {
  readonly plan: Dial<Data>
  readonly hop: Hop
  readonly target: Target
  /** Sec-WebSocket-Extensions. */
  readonly offered: string
  readonly expected: Omit<ExpectedSwitch, 'key'>
  leftMs(): number
}

/** One request and its answer. */
async function shakeHands<Data>(
  plan: Dial<Data>,
  hop: Hop,
  target: Target,
  timeoutMs: number,
): Promise<Shaken> {
  const { options, protocols, requireProtocol, extensions } = plan
  const { clock = systemClock } = options
  const offers = extensions.flatMap((extension) => extension.offer())
  const expected = { protocols, requireProtocol, extensions: offers.map(({ name }) => name) }
  // what cannot be said is told before anybody is connected to
  const offered = formatExtensions(offers)
  const beganMs = clock.now()
  const leftMs = () => Math.max(1, timeoutMs - (clock.now() - beganMs))
  const shake = { plan, hop, target, offered, expected, leftMs }
  const choice = choiceFor(plan, hop)
  if (choice === false) return overHttp1(shake, undefined)
  const carrier = await chooseCarrier(shake, choice)
  if (carrier.kind === 'http1') return overHttp1(shake, carrier.connection)
  return (await overHttp2(shake, carrier, choice)) ?? overHttp1(shake, undefined)
}

/** HTTP/2 where it was asked for. */
function choiceFor<Data>(plan: Dial<Data>, hop: Hop): Http2Choice | false {
  const { http2 = false, agent } = plan.options
  if (http2 === 'auto' && agent) return false
  // a session was given for the place that the application named, not for where its server sends us
  return typeof http2 === 'object' && hop.url.origin !== plan.hop.url.origin ? 'auto' : http2
}

/** HTTP/2 where it is to be had. */
function chooseCarrier<Data>(
  { plan: { options }, hop, target, leftMs }: Shake<Data>,
  choice: Http2Choice,
): Promise<Carrier> {
  const { clock = systemClock, signal } = options
  const proxy = chosenProxy(options, target)
  return openCarrier({ choice, target, tls: hop.tls, proxy, signal, timeoutMs: leftMs(), clock })
}

/** Undefined: the server wants HTTP/1.1 for this, and so may we. */
async function overHttp2<Data>(
  { plan, hop, target, offered, expected, leftMs }: Shake<Data>,
  carrier: Extract<Carrier, { kind: 'http2' }>,
  choice: Http2Choice,
): Promise<Shaken | undefined> {
  const { options, protocols, extensions } = plan
  const { clock = systemClock, signal } = options
  let agreed = NOTHING
  let refused = false
  try {
    const outcome = await performConnect({
      session: carrier.session,
      protocol: 'websocket',
      target,
      fields: [...requestFields({ protocols, extensions: offered }), ...hop.fields],
      signal,
      timeoutMs: leftMs(),
      clock,
      judge: ({ statusCode, rawHeaders }, ended) => {
        agreed = withTransforms(checkConnected({ statusCode, rawHeaders, ended }, expected), extensions)
      },
      onOver: carrier.release,
      onSilence: carrier.doubt,
      onRefused() {
        refused = true
        carrier.doubt()
      },
    })
    return { outcome, agreed }
  } catch (error) {
    // a connection that others use may end just then, which a new one would not have
    if (refused && carrier.reused) return shakeHands(plan, hop, target, leftMs())
    const http1Required = error instanceof PeerError && error.code === 'ERR_HTTP2_NOT_OFFERED'
    if (choice !== 'auto' || !http1Required) throw error
    carrier.avoid()
    return undefined
  }
}

/** @param connection to be used; undefined: one of its own */
async function overHttp1<Data>(
  { plan, hop, target, offered, expected, leftMs }: Shake<Data>,
  connection: Duplex | undefined,
): Promise<Shaken> {
  const { options, protocols, extensions } = plan
  const { clock = systemClock, signal, agent = false } = options
  const key = createKey()
  const fields = [...requestFields({ key, protocols, extensions: offered }), ...hop.fields]
  let agreed = NOTHING
  const outcome = await perform({
    target,
    method: 'GET',
    fields: withUpgrade(fields, 'websocket'),
    signal,
    timeoutMs: leftMs(),
    clock,
    agent,
    connection,
    tls: hop.tls,
    proxy: chosenProxy(options, target),
    judge: (response) => {
      agreed = withTransforms(checkSwitch(response, { key, ...expected }), extensions)
    },
  })
  return { outcome, agreed }
}

function withTransforms(
  answer: Pick<Agreement, 'protocol' | 'extensions'>,
  extensions: readonly Extension[],
): Agreement {
  return { ...answer, transforms: confirmExtensions(answer.extensions, extensions) }
}

function open<Data>(
  plan: Dial<Data>,
  agreed: Agreement,
  stream: Duplex,
  response: IncomingMessage,
): AnyConnection<Data> {
  const { options } = plan
  try {
    // it may fire between the 101 and here
    options.signal?.throwIfAborted()
    const socket = createConnection<Data>({
      role: 'client',
      data: options.data as Data,
      protocol: agreed.protocol,
      extensions: formatExtensions(agreed.extensions),
      transform: stackTransforms(agreed.transforms.map((one) => one.create('client', options))),
      options,
      events: options,
      onError: (error, socket, part) => tellOrWarn(options.onError, [error, socket], `in ${part} of connect`),
    })
    tellResponse(options, response, socket)
    openConnection(socket, duplexTransport(stream))
    return socket
  } catch (error) {
    // an extension of the application's may throw, and so may its onResponse
    stream.destroy()
    throw error
  }
}

function tellResponse<Data>(
  { onResponse }: AnyConnectOptions<Data>,
  { statusCode = 0, headers, rawHeaders }: IncomingMessage,
  socket: AnyConnection<Data>,
): void {
  if (onResponse === undefined) return
  try {
    watch(onResponse({ status: statusCode, headers, rawHeaders }, socket), (error) =>
      failHandler(socket, error),
    )
  } catch (error) {
    abandonConnection(socket, error as Error)
    throw error
  }
}
