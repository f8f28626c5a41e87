/// <reference lib="dom" />
// Knows how the way from key to Accept is told, or why there is none.
import { derive, guid } from './accept.ts'
import { hex } from './bytes.ts'
import { h, sectionLink } from './dom.ts'
import { sectionUrl } from './explain.ts'
import { fieldValues, type HttpMessage, statusOf } from './http.ts'

export function showAccept(request: HttpMessage | undefined, response: HttpMessage | undefined): Node[] {
  if (request === undefined) return [h('p', { class: 'quiet' }, 'Nothing to derive yet.')]
  const keys = fieldValues(request.head, 'sec-websocket-key')
  const isWebSocket = fieldValues(request.head, 'upgrade').join(',').toLowerCase().includes('websocket')
  if (!isWebSocket) {
    return [
      h(
        'p',
        {},
        'No key, no Accept: only WebSocket proves itself this way. For any other protocol the 101 and its Upgrade field are enough.',
      ),
    ]
  }
  const [key] = keys
  if (key === undefined) {
    return [
      h('p', {}, 'There is no key to begin with, so there is no Accept. ', cite('RFC 6455 section 4.2.1')),
    ]
  }
  const { nonce, valid, joined, digest, accept } = derive(key)
  if (!valid) {
    const seen =
      nonce === undefined ? 'It is no base64.' : `It decodes to ${nonce.length} bytes; 16 are needed.`
    return [
      h(
        'ol',
        { class: 'steps' },
        step('The key of the request', h('code', { class: 'key' }, key), nonce && bytesLine(nonce)),
        step(
          seen,
          h('span', { class: 'verdict refused' }, 'No Accept, no switch.'),
          cite('RFC 6455 section 4.2.1'),
        ),
      ),
    ]
  }
  return [
    h(
      'ol',
      { class: 'steps' },
      step(
        'The key of the request: 16 random bytes, in base64',
        h('code', { class: 'key' }, key),
        bytesLine(nonce!),
      ),
      step(
        'Put behind it the GUID that RFC 6455 fixes',
        h(
          'code',
          {},
          h('span', { class: 'key' }, joined.slice(0, -guid.length)),
          h('span', { class: 'guid' }, guid),
        ),
      ),
      step(`The SHA-1 of those ${joined.length} characters: 20 bytes`, h('code', {}, hex(digest))),
      step('The same in base64: the Accept', h('code', { class: 'accept' }, accept)),
      step('And what the server answered', ...verdict(accept, response)),
    ),
    h(
      'p',
      { class: 'quiet' },
      'It proves that the server read this handshake; it keeps no secret. ',
      cite('RFC 6455 section 4.2.2'),
    ),
  ]
}

function verdict(accept: string, response: HttpMessage | undefined): Node[] {
  if (response === undefined) return [h('span', { class: 'quiet' }, 'no answer yet')]
  const [answered] = fieldValues(response.head, 'sec-websocket-accept')
  if (answered === undefined) {
    return [
      h(
        'span',
        { class: 'verdict refused' },
        `${statusOf(response.head)}: no Accept, because there is no switch.`,
      ),
    ]
  }
  return [
    h('code', { class: 'accept' }, answered),
    answered === accept
      ? h('span', { class: 'verdict agreed' }, 'They are the same.')
      : h('span', { class: 'verdict refused' }, 'They differ: a client must fail the connection.'),
  ]
}

function step(title: string, ...content: readonly (Node | undefined)[]): HTMLElement {
  return h('li', {}, h('p', { class: 'step-title' }, title), h('div', { class: 'step-content' }, ...content))
}

function bytesLine(bytes: Uint8Array): HTMLElement {
  return h('span', { class: 'quiet bytes-line' }, `= ${hex(bytes)}`)
}

function cite(section: string): HTMLElement {
  return sectionLink(section, sectionUrl(section))
}
