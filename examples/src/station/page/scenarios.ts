// Knows which journeys the page offers: who performs each, what it shows, and the code behind it. Read by the
// page and by the server alike.

export interface Choice {
  readonly name: string
  readonly label: string
  /** The first is chosen until somebody chooses another. */
  readonly options: readonly { readonly value: string; readonly label: string }[]
}

export interface Scenario {
  readonly id: string
  readonly title: string
  /** What to expect, as a status. */
  readonly status: number
  /** What it shows, in a sentence or two. */
  readonly about: string
  /** Path of the request. */
  readonly path: string
  readonly choices: readonly Choice[]
  /** Who sends the request when these choices are made. `secure`: the page came over HTTP/2. */
  performer(chosen: Chosen, secure?: boolean): Performer
  /** What is special about these choices. */
  remark?(chosen: Chosen): string | undefined
  readonly code: (chosen: Chosen) => { readonly client: string; readonly server: string }
}

/** `browser`: this page. `turnout`: the station's own client. `hand`: bytes that no client would write. */
export type Performer = 'browser' | 'turnout' | 'hand'

export type Chosen = Readonly<Record<string, string>>

const echoServer = `turnout.websocket('/demo/echo', {
  open(socket) {
    socket.send('You are on the new line.')
  },
  message(socket, message) {
    if (message === 'ping me') socket.ping('are you there?')
    else socket.send(message)
  },
})`

const byHand = `// No client of ours would send this,
// so the bytes are written by hand:
const socket = net.connect(port)
socket.write(request)`

const tlsServer = `turnout.tlsInPlace({
  key,
  cert,
  required: '/demo/vault',
  advertise: false,
}).attach(server)`

/** The client's options as they read in code. */
const list = (text: string | undefined) =>
  (text ?? '')
    .split(', ')
    .map((entry) => `'${entry}'`)
    .join(', ')

export const scenarios: readonly Scenario[] = [
  {
    id: 'websocket',
    title: 'WebSocket from this browser',
    status: 101,
    about:
      'The browser asks to leave HTTP/1.1, the server agrees, and both sides send frames whenever they like. Send some yourself.',
    path: '/demo/echo',
    choices: [],
    performer: () => 'browser',
    code: () => ({
      client: `// in the browser
const socket = new WebSocket(
  \`ws://\${location.host}/demo/echo\`,
)`,
      server: echoServer,
    }),
  },
  {
    id: 'preference',
    title: 'Two protocols, one preferred',
    status: 101,
    about:
      'The client lists protocols, the one it likes best first. The server takes the first that it speaks: it knows both example/1 and foo/2.',
    path: '/demo/line',
    choices: [
      {
        name: 'offer',
        label: 'The client offers',
        options: [
          { value: 'example/1, foo/2', label: 'example/1, foo/2' },
          { value: 'foo/2, example/1', label: 'foo/2, example/1' },
          { value: 'quux/9, foo/2', label: 'quux/9 (unknown here), foo/2' },
        ],
      },
    ],
    performer: () => 'turnout',
    code: ({ offer }) => ({
      client: `const { protocol, stream } = await upgrade(url, {
  protocols: [${list(offer)}],
})
stream.write('hello from the client\\n')`,
      server: `turnout.protocol('example/1', { handler: shout })
turnout.protocol('foo/2', { handler: reverse })`,
    }),
  },
  {
    id: 'declined',
    title: 'Declined, and no error',
    status: 200,
    about:
      'A server may always stay with HTTP/1.1. It answers the request as if nobody had asked, and the connection goes on to the next one.',
    path: '/demo/ordinary',
    choices: [
      {
        name: 'because',
        label: 'Because',
        options: [
          { value: 'unknown', label: 'the server does not speak quux/9' },
          { value: 'unnamed', label: 'Connection does not name Upgrade' },
          { value: 'old', label: 'the request is in HTTP/1.0' },
        ],
      },
    ],
    performer: ({ because }) => (because === 'unknown' ? 'turnout' : 'hand'),
    code: ({ because }) => ({
      client:
        because === 'unknown'
          ? `const { protocol, response } = await upgrade(url, {
  protocols: ['quux/9'],
  agent,
})
// protocol is undefined: read the response`
          : byHand,
      server: `// The app's own handler answers:
http.createServer((request, response) => {
  response.end('An ordinary answer.')
})`,
    }),
  },
  {
    id: 'version',
    title: 'The wrong version',
    status: 426,
    about:
      'A WebSocket server that does not speak the client’s version says which ones it does, so that the client can come again.',
    path: '/demo/echo',
    choices: [
      {
        name: 'version',
        label: 'Sec-WebSocket-Version',
        options: [
          { value: '8', label: '8, an old draft' },
          { value: '99', label: '99, from the future' },
          { value: '013', label: '013, malformed' },
        ],
      },
    ],
    performer: () => 'hand',
    remark: ({ version }) =>
      version === '013'
        ? 'A leading zero is malformed, so this is a 400. The list of versions comes along all the same.'
        : undefined,
    code: () => ({ client: byHand, server: echoServer }),
  },
  {
    id: 'subprotocol',
    title: 'Choosing a subprotocol',
    status: 101,
    about:
      'The switch is to WebSocket; the subprotocol says what the messages in it mean. This server speaks chat.v2 and chat.v1.',
    path: '/demo/chat',
    choices: [
      {
        name: 'offer',
        label: 'The client offers',
        options: [
          { value: 'chat.v3, chat.v2, chat.v1', label: 'chat.v3, chat.v2, chat.v1' },
          { value: 'chat.v1, chat.v2', label: 'chat.v1, chat.v2' },
          { value: 'chess', label: 'chess, unknown here' },
        ],
      },
      {
        name: 'by',
        label: 'Sent by',
        options: [
          { value: 'browser', label: 'this browser' },
          { value: 'turnout', label: 'turnout’s own client' },
        ],
      },
    ],
    performer: ({ by }) => (by === 'turnout' ? 'turnout' : 'browser'),
    remark: ({ offer, by }) => {
      if (offer !== 'chess') return undefined
      return by === 'turnout'
        ? 'Nothing in common: the server switches all the same and names no subprotocol. This client goes on without.'
        : 'Nothing in common: the server switches all the same and names no subprotocol. A browser that asked for one then hangs up.'
    },
    code: ({ offer, by }) => ({
      client:
        by === 'turnout'
          ? `const socket = await connect(url, {
  protocols: [${list(offer)}],
})
for await (const message of socket) …`
          : `// in the browser
const socket = new WebSocket(
  \`ws://\${location.host}/demo/chat\`,
  [${list(offer)}],
)`,
      server: `turnout.websocket('/demo/chat', {
  protocols: ['chat.v2', 'chat.v1'],
  async handler(socket) {
    await socket.send(…)
    for await (const message of socket) await socket.send(message)
  },
})`,
    }),
  },
  {
    id: 'key',
    title: 'A wrong key',
    status: 400,
    about:
      'The key shows that the client means WebSocket. One that is not 16 bytes in base64 gets no Accept and no switch.',
    path: '/demo/echo',
    choices: [
      {
        name: 'key',
        label: 'Sec-WebSocket-Key',
        options: [
          { value: 'short', label: '15 bytes' },
          { value: 'text', label: 'not base64' },
          { value: 'missing', label: 'missing' },
        ],
      },
    ],
    performer: () => 'hand',
    code: () => ({ client: byHand, server: echoServer }),
  },
  {
    id: 'h2c',
    title: 'HTTP/2 without TLS',
    status: 101,
    about:
      'The client asks for h2c and says its settings in a field. After the 101 the connection speaks HTTP/2, and the request that asked is answered on stream 1. RFC 9113 has withdrawn it: off unless you ask for it.',
    path: '/demo/h2c',
    choices: [],
    performer: () => 'turnout',
    code: () => ({
      client: `const { session, status, body } = await connectH2c(url, {
  settings: { enablePush: false, initialWindowSize: 1_000_000 },
})
// the answer to the request that asked: stream 1
const next = session.request({ ':path': '/demo/next' })`,
      server: `// The app's own handler answers, in HTTP/1.1 and HTTP/2:
turnout.h2c({ path: '/demo/h2c' }).attach(server)`,
    }),
  },
  {
    id: 'tls',
    title: 'TLS in place',
    status: 101,
    about:
      'The client asks for TLS on the port of plain HTTP. After the 101 both shake hands on the same connection, and the request that asked is answered over TLS. On the wire there are only records to be seen: the answer is below, with what the client’s code got.',
    path: '/demo/tls',
    choices: [
      {
        name: 'most',
        label: 'The client speaks at most',
        options: [
          { value: 'TLSv1.3', label: 'TLS 1.3' },
          { value: 'TLSv1.2', label: 'TLS 1.2' },
        ],
      },
    ],
    performer: () => 'turnout',
    remark: ({ most }) =>
      most === 'TLSv1.3'
        ? 'The token stays TLS/1.2, as RFC 2817 has it: it is a name. Which version it becomes, the handshake finds out.'
        : undefined,
    code: ({ most }) => ({
      client: `const { secure, socket, response } = await upgradeTls(url, {
  mode: 'optional',
  tls: { ca, maxVersion: '${most}' },
})`,
      server: tlsServer,
    }),
  },
  {
    id: 'tls-required',
    title: 'TLS demanded',
    status: 426,
    about:
      'In the clear this path is refused, and the refusal says how to come again. The client then asks with OPTIONS * on a new connection, sends nothing more until TLS stands, and gets its answer there.',
    path: '/demo/vault',
    choices: [],
    performer: () => 'turnout',
    code: () => ({
      client: `// follows a 426 once, by OPTIONS * first
const { secure, response } = await upgradeTls(url, {
  mode: 'invited',
  tls: { ca },
})`,
      server: tlsServer,
    }),
  },
  {
    id: 'http2',
    title: 'WebSocket over HTTP/2',
    status: 200,
    about:
      'HTTP/2 has no Upgrade and no 101. Extended CONNECT opens one of its streams for the WebSocket; the page and other sockets go on beside it. A browser does so by itself on a page that came over HTTP/2.',
    path: '/demo/echo',
    choices: [],
    performer: (_chosen, secure) => (secure ? 'browser' : 'turnout'),
    code: () => ({
      client: `// in the browser, on a page that came over HTTP/2
const socket = new WebSocket(
  \`wss://\${location.host}/demo/echo\`,
)
// in Node
await connect(url, { http2: true })`,
      server: `turnout.attach(
  http2.createSecureServer({ key, cert, allowHTTP1: true }),
)
${echoServer}`,
    }),
  },
]

/** The choices with what is missing or unknown set to the first option. */
export function settle(scenario: Scenario, wanted: Chosen): Chosen {
  return Object.fromEntries(
    scenario.choices.map(({ name, options }) => {
      const known = options.some(({ value }) => value === wanted[name])
      return [name, known ? wanted[name]! : options[0]!.value]
    }),
  )
}
