/// <reference lib="dom" />
// Knows how HTTP2-Settings is told: what a client of h2c says of itself before HTTP/2 has begun.
import { fromBase64, hex } from './bytes.ts'
import { h, sectionLink } from './dom.ts'
import { sectionUrl } from './explain.ts'
import { readSettings } from './http2-frames.ts'

const section = 'RFC 7540 section 3.2.1'

export function showSettings(value: string): Node[] {
  const bytes = fromBase64(value.replaceAll('-', '+').replaceAll('_', '/'))
  if (bytes === undefined) return [h('p', {}, 'It is no base64url: the server stays with HTTP/1.1.')]
  const lines = readSettings(bytes).map((setting) =>
    h(
      'tr',
      {},
      h('td', {}, h('code', {}, hex(setting.bytes))),
      h('td', {}, h('code', {}, setting.name)),
      h('td', {}, h('code', {}, String(setting.value))),
    ),
  )
  return [
    h('p', { class: 'settings-value' }, h('code', {}, value), ` is ${bytes.length} bytes in base64url:`),
    h(
      'table',
      { class: 'settings' },
      h(
        'thead',
        {},
        h('tr', {}, ...['Bytes', 'Setting', 'Value'].map((name) => h('th', { scope: 'col' }, name))),
      ),
      h('tbody', {}, ...lines),
    ),
    h(
      'p',
      { class: 'quiet' },
      'The payload of a SETTINGS frame, ahead of its time: the server may send at once, by the rules of the client. Two bytes name a setting, four are its value. ',
      sectionLink(section, sectionUrl(section)),
    ),
  ]
}
