// Knows what each line of a request or a response says about the upgrade, in one sentence, and where it is written.
import { derive } from './accept.ts'
import { fromBase64 } from './bytes.ts'
import { fieldList, type Head, statusOf } from './http.ts'
import { readSettings, saysSetting } from './http2-frames.ts'

export interface Explanation {
  readonly says: string
  /** Such as `RFC 9110 section 7.8`; undefined: no RFC defines it. */
  readonly section: string | undefined
  /** How much it has to do with the switch. */
  readonly part: 'switch' | 'stay' | 'refused' | 'websocket' | 'ordinary'
}

/** Where a section can be read. */
export function sectionUrl(section: string): string {
  const [, rfc = '', number = ''] = /^RFC (\d+) section ([\d.]+)$/.exec(section) ?? []
  return `https://www.rfc-editor.org/rfc/rfc${rfc}#section-${number}`
}

export function explainStart(head: Head, request: Head | undefined): Explanation {
  const status = statusOf(head)
  return status === 0 ? explainRequestLine(head) : explainStatus(status, request)
}

export function explainField(
  name: string,
  value: string,
  head: Head,
  request: Head | undefined,
): Explanation {
  const says =
    pseudoFields[name] ?? (statusOf(head) === 0 ? requestFields : responseFields)[name.toLowerCase()]
  if (says !== undefined) return says(value, head, request)
  if (name.toLowerCase().startsWith('sec-fetch-')) {
    return ordinary('The browser tells where the request comes from (Fetch Metadata, W3C).')
  }
  return ordinary('Has no part in the upgrade.')
}

const pseudoFields: Readonly<Record<string, Explain>> = {
  ':method': () => upgrade('Extended CONNECT: a tunnel, on this stream alone.', 'RFC 8441 section 4'),
  ':protocol': (value) => upgrade(`What the stream is to carry: ${value}.`, 'RFC 8441 section 4'),
  ':scheme': () => upgrade('https stands for wss, http for ws.', 'RFC 8441 section 5'),
  ':path': () => upgrade('The path of the WebSocket’s URL.', 'RFC 8441 section 5'),
  ':authority': () => upgrade('Host and port: what Host says in HTTP/1.1.', 'RFC 9113 section 8.3.1'),
  ':status': (value) =>
    value === '200'
      ? upgrade('Agreed. HTTP/2 has no 101: any 2xx opens the tunnel.', 'RFC 8441 section 5')
      : refusal('Refused: no tunnel.', 'RFC 8441 section 5'),
}

function explainRequestLine(head: Head): Explanation {
  const [method = '', , version = ''] = head.start.split(' ')
  if (version === 'HTTP/1.0') {
    return upgrade('HTTP/1.0: a server must ignore Upgrade in it.', 'RFC 9110 section 7.8')
  }
  if (isWebSocket(head)) {
    return upgrade(`A WebSocket handshake is a GET, in HTTP/1.1 or later.`, 'RFC 6455 section 4.1')
  }
  return asksUpgrade(head)
    ? upgrade(`${method} in ${version}: Upgrade works with any method.`, 'RFC 9110 section 7.8')
    : ordinary('An ordinary request.', 'RFC 9112 section 3')
}

function explainStatus(status: number, request: Head | undefined): Explanation {
  switch (status) {
    case 101:
      return upgrade(
        'Agreed: from the next byte on the connection speaks the new protocol.',
        'RFC 9110 section 15.2.2',
      )
    case 200:
      return asksUpgrade(request)
        ? stay(
            'Declined, and no error: the Upgrade was ignored, the request answered.',
            'RFC 9110 section 7.8',
          )
        : ordinary('An ordinary answer.', 'RFC 9110 section 15.3.1')
    case 400:
      return refusal('Refused: the handshake breaks a rule.', 'RFC 6455 section 4.2.1')
    case 403:
      return refusal('Refused: the page comes from an origin that may not connect.', 'RFC 6455 section 10.2')
    case 405:
      return refusal('Refused: a WebSocket handshake has to be a GET.', 'RFC 9110 section 15.5.6')
    case 426:
      return refusal('Refused as it is: come again with the upgrade named below.', 'RFC 9110 section 15.5.22')
    default:
      return ordinary('An ordinary answer: the connection stays with HTTP/1.1.', 'RFC 9110 section 15')
  }
}

type Explain = (value: string, head: Head, request: Head | undefined) => Explanation

const requestFields: Readonly<Record<string, Explain>> = {
  host: () => ordinary('Which site is meant. Exactly one in HTTP/1.1.', 'RFC 9110 section 7.2'),
  upgrade: (_value, head) => upgrade(saysOffer(fieldList(head, 'upgrade')), 'RFC 9110 section 7.8'),
  connection: (value, head) => {
    if (names(value, 'http2-settings')) {
      return upgrade('Upgrade and HTTP2-Settings are for this hop only.', 'RFC 7540 section 3.2.1')
    }
    if (names(value, 'upgrade')) {
      return upgrade('Upgrade is for this hop only: a proxy must not pass it on.', 'RFC 9110 section 7.6.1')
    }
    return asksUpgrade(head)
      ? stay('Does not name Upgrade, so that field does not count.', 'RFC 9110 section 7.6.1')
      : ordinary('What the client would like to happen to the connection.', 'RFC 9112 section 9.3')
  },
  'http2-settings': (value) => {
    const read = decodeSettings(value)
    return upgrade(
      read.length === 0
        ? 'Settings of HTTP/2 in base64url: none.'
        : `Settings of HTTP/2 in base64url: ${read}.`,
      'RFC 7540 section 3.2.1',
    )
  },
  'sec-websocket-key': (value) =>
    websocket(
      derive(value).valid
        ? '16 random bytes in base64. The Accept is made from it.'
        : 'Has to be 16 bytes in base64, and is not.',
      'RFC 6455 section 11.3.1',
    ),
  'sec-websocket-version': (value) =>
    websocket(
      value === '13'
        ? 'The version of the protocol: 13 is the one of RFC 6455.'
        : 'Not a version that this server speaks: 13 is the one of RFC 6455.',
      'RFC 6455 section 11.3.5',
    ),
  'sec-websocket-protocol': () =>
    websocket('Subprotocols for the messages, the client’s favourite first.', 'RFC 6455 section 11.3.4'),
  'sec-websocket-extensions': () =>
    websocket('Extensions the client could use. A server may take none.', 'RFC 6455 section 11.3.2'),
  origin: () =>
    websocket('The site whose page asks. A server refuses sites it does not know.', 'RFC 6455 section 10.2'),
  cookie: () => ordinary('Cookies go along with a handshake as with any request.', 'RFC 6265 section 5.4'),
  'user-agent': () => ordinary('Which program asks.', 'RFC 9110 section 10.1.5'),
  accept: () => ordinary('Content types welcome in an ordinary answer.', 'RFC 9110 section 12.5.1'),
  'accept-encoding': () => ordinary('Codings welcome in an ordinary answer.', 'RFC 9110 section 12.5.3'),
  'accept-language': () => ordinary('Languages welcome in an ordinary answer.', 'RFC 9110 section 12.5.4'),
  'cache-control': () => ordinary('No cache may answer in the server’s place.', 'RFC 9111 section 5.2.1'),
  pragma: () => ordinary('No cache may answer, in the words of HTTP/1.0.', 'RFC 9111 section 5.4'),
}

const responseFields: Readonly<Record<string, Explain>> = {
  upgrade: (value, head) =>
    statusOf(head) === 101
      ? /^tls\//i.test(value)
        ? upgrade('The layers from here on, the lowest first: HTTP/1.1 over TLS.', 'RFC 2817 section 3.3')
        : upgrade(`The connection switches to ${value}.`, 'RFC 9110 section 7.8')
      : upgrade(`An invitation: this server could switch to ${value}.`, 'RFC 9110 section 7.8'),
  connection: (value) => {
    if (names(value, 'upgrade')) {
      return upgrade('Upgrade is for this hop only here too.', 'RFC 9110 section 7.6.1')
    }
    return names(value, 'close')
      ? ordinary('The server closes the connection after this answer.', 'RFC 9112 section 9.6')
      : ordinary('The connection stays open for the next request.', 'RFC 9112 section 9.3')
  },
  'sec-websocket-accept': () =>
    websocket('Proof that the server read the key: see the steps.', 'RFC 6455 section 11.3.3'),
  'sec-websocket-protocol': (value) =>
    websocket(`The one subprotocol the server chose: ${value}.`, 'RFC 6455 section 11.3.4'),
  'sec-websocket-extensions': () =>
    websocket('The extensions in use, from those that were offered.', 'RFC 6455 section 11.3.2'),
  'sec-websocket-version': () =>
    websocket('The versions this server speaks: come again in one of them.', 'RFC 6455 section 4.4'),
  date: () => ordinary('When the answer was made.', 'RFC 9110 section 6.6.1'),
  'content-type': () => ordinary('What the body is.', 'RFC 9110 section 8.3'),
  'content-length': () =>
    ordinary('How many bytes of body follow: where the next answer begins.', 'RFC 9110 section 8.6'),
  'transfer-encoding': () => ordinary('How the end of the body is marked.', 'RFC 9112 section 6.1'),
  'keep-alive': () =>
    ordinary('How long the server keeps an idle connection open.', 'RFC 2068 section 19.7.1.1'),
  allow: () => ordinary('The methods that work here.', 'RFC 9110 section 10.2.1'),
}

function saysOffer(protocols: readonly string[]): string {
  const [first = '', ...others] = protocols
  if (others.length === 0) return `The client would like to switch to ${first}.`
  return `The client would like ${first} best, then ${others.join(', then ')}.`
}

/** `ENABLE_PUSH = 0, …` */
function decodeSettings(value: string): string {
  const bytes = fromBase64(value.replaceAll('-', '+').replaceAll('_', '/'))
  return bytes === undefined ? 'not decodable' : readSettings(bytes).map(saysSetting).join(', ')
}

function isWebSocket(head: Head): boolean {
  return fieldList(head, 'upgrade').some((protocol) => protocol.toLowerCase() === 'websocket')
}

function asksUpgrade(head: Head | undefined): boolean {
  return head !== undefined && fieldList(head, 'upgrade').length > 0
}

function names(value: string, option: string): boolean {
  return value.split(',').some((entry) => entry.trim().toLowerCase() === option)
}

function upgrade(says: string, section: string): Explanation {
  return { says, section, part: 'switch' }
}

function stay(says: string, section: string): Explanation {
  return { says, section, part: 'stay' }
}

function refusal(says: string, section: string): Explanation {
  return { says, section, part: 'refused' }
}

function websocket(says: string, section: string): Explanation {
  return { says, section, part: 'websocket' }
}

function ordinary(says: string, section?: string): Explanation {
  return { says, section, part: 'ordinary' }
}
