/// <reference lib="dom" />
// Knows how a request and its response are laid out: each line as it went over the wire, and what it says.

import type { Over } from '../tape.ts'
import { showAccept } from './accept-view.ts'
import { type Bytes, hexByte, latin1, utf8 } from './bytes.ts'
import { h, sectionLink } from './dom.ts'
import { type Explanation, explainField, explainStart, sectionUrl } from './explain.ts'
import { fieldValues, type Head, type HttpMessage } from './http.ts'
import { showSettings } from './settings-view.ts'

export interface Exchange {
  readonly request: HttpMessage | undefined
  readonly response: HttpMessage | undefined
}

/** `number` counts the exchanges of a connection, from 1; `of` is how many there are. The first has the Accept. */
export function showExchange(exchange: Exchange, number: number, of: number): HTMLElement {
  const { request, response } = exchange
  const suffix = of > 1 ? ` ${number}` : ''
  const answer = h('div', { class: 'answer' }, showMessage(`Response${suffix}`, response, request?.head))
  if (number === 1) {
    const over = request?.head.over
    if (over !== undefined) {
      answer.append(h('article', { class: 'card' }, h('h3', {}, 'Really over HTTP/2?'), showOver(over)))
      return h('div', { class: 'exchange' }, showMessage(`Request${suffix}`, request, undefined), answer)
    }
    const settings = request && fieldValues(request.head, 'http2-settings')[0]
    answer.append(
      settings === undefined
        ? h(
            'article',
            { class: 'card' },
            h('h3', {}, 'The Accept value, step by step'),
            ...showAccept(request, response),
          )
        : h('article', { class: 'card' }, h('h3', {}, 'HTTP2-Settings, decoded'), ...showSettings(settings)),
    )
  }
  return h('div', { class: 'exchange' }, showMessage(`Request${suffix}`, request, undefined), answer)
}

/** What the server knows, not what the page hopes. */
function showOver({ alpn, tls, stream }: Over): HTMLElement {
  return h(
    'p',
    {},
    'Read from the server’s session: ',
    h('code', {}, `ALPN ${alpn}, ${tls}, stream ${stream}`),
    '. The other streams of the connection carry other requests. There is no key and no Accept: only HTTP/1.1 needs them. ',
    sectionLink('RFC 8441 section 5', sectionUrl('RFC 8441 section 5')),
  )
}

function showMessage(
  title: string,
  message: HttpMessage | undefined,
  request: Head | undefined,
): HTMLElement {
  const card = h('article', { class: 'card message' }, h('h3', {}, title))
  if (message === undefined) {
    card.append(h('p', { class: 'quiet' }, 'Nothing yet.'))
    return card
  }
  const { head, body, wire } = message
  const lines = h('ol', { class: 'wire' })
  if (head.over === undefined) lines.append(showLine([['start', head.start]], explainStart(head, request)))
  for (const [name, value] of head.fields) {
    lines.append(
      showLine(
        [
          ['name', `${name}:`],
          ['value', ` ${value}`],
        ],
        explainField(name, value, head, request),
        head.over === undefined,
      ),
    )
  }
  if (head.over === undefined)
    lines.append(
      showLine([], {
        says: 'An empty line ends the head.',
        section: 'RFC 9112 section 2.1',
        part: 'ordinary',
      }),
    )
  card.append(lines)
  if (body.length > 0) {
    card.append(
      h('h4', {}, `Body, ${body.length} bytes`),
      h(
        'pre',
        { class: 'body', tabindex: 0, 'aria-label': `Body of the ${title.toLowerCase()}` },
        readable(body, head),
      ),
    )
  }
  if (head.over === undefined) card.append(showBytes(wire))
  return card
}

function showLine(
  parts: readonly (readonly [kind: string, text: string])[],
  explanation: Explanation,
  crlf: boolean = true,
): HTMLElement {
  const { says, section, part } = explanation
  return h(
    'li',
    { class: `part-${part}` },
    h(
      'code',
      {},
      ...parts.map(([kind, text]) => h('span', { class: kind }, text)),
      crlf ? h('span', { class: 'crlf', 'aria-hidden': 'true' }, 'CRLF') : undefined,
    ),
    h('p', {}, says, ' ', section === undefined ? undefined : sectionLink(section, sectionUrl(section))),
  )
}

function readable(body: Bytes, head: Head): string {
  const compressed = fieldValues(head, 'content-encoding').length > 0
  return (compressed ? undefined : utf8(body)) ?? latin1(body)
}

function showBytes(wire: Bytes): HTMLElement {
  const dump = h('pre', { tabindex: 0, role: 'group', 'aria-label': 'Bytes in hexadecimal' })
  const details = h('details', { class: 'bytes' }, h('summary', {}, `All ${wire.length} bytes`), dump)
  // Only when somebody looks: a page of hex is slow to lay out.
  details.addEventListener('toggle', () => {
    if (dump.textContent === '') dump.textContent = hexDump(wire)
  })
  return details
}

/** Sixteen bytes a line: offset, hex, and what can be read. */
export function hexDump(bytes: Bytes): string {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.slice(at, at + 16)
    const spelled = Array.from(row, hexByte).join(' ').padEnd(47)
    const read = latin1(row).replace(/[^\x20-\x7e]/g, '·')
    lines.push(`${at.toString(16).padStart(4, '0')}  ${spelled}  ${read}`)
  }
  return lines.join('\n')
}
