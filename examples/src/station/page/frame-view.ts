/// <reference lib="dom" />
// Knows how one frame, or one run of bytes in another protocol, is shown: decoded, and as it went over the wire.
import type { Side } from '../tape.ts'
import { type Bytes, hex, utf8 } from './bytes.ts'
import { h } from './dom.ts'
import { bits, type Frame, opcodeHex, type Piece } from './frames.ts'
import type { Unit, UnitPiece } from './unit.ts'

/** Bytes of a payload that are spelled out. */
const shownBytes = 32
/** Characters of a payload that are shown. */
const shownCharacters = 400

export function showFrame(from: Side, atMs: number, frame: Frame): HTMLElement {
  return h(
    'li',
    { class: `entry from-${from}` },
    entryHead(from, atMs, frame.name),
    h(
      'dl',
      { class: 'fields' },
      ...field('FIN', frame.fin ? '1, whole or last' : '0, more follows'),
      ...(frame.rsv === 0 ? [] : field('RSV', frame.rsv.toString(2).padStart(3, '0'))),
      ...field('Opcode', `${opcodeHex(frame)} ${frame.name}`),
      ...field('Mask', frame.mask === undefined ? '0, none' : `1, ${hex(frame.mask)}`),
      ...field('Length', String(frame.length)),
      ...field('Payload', saysPayload(frame), 'payload'),
    ),
    h(
      'div',
      { class: 'strip', role: 'group', 'aria-label': 'Bytes on the wire' },
      ...frame.pieces.map(showPiece),
    ),
    showBits(frame),
  )
}

/** A frame of HTTP/2, or a record of TLS. */
export function showUnit(from: Side, atMs: number, unit: Unit): HTMLElement {
  return h(
    'li',
    { class: `entry from-${from}` },
    entryHead(from, atMs, unit.name),
    h(
      'dl',
      { class: 'fields' },
      ...unit.fields.flatMap(([name, value]) =>
        field(name, clip(value), ['Payload', 'As text', 'Content'].includes(name) ? 'payload' : ''),
      ),
    ),
    h(
      'div',
      { class: 'strip', role: 'group', 'aria-label': 'Bytes on the wire' },
      ...unit.pieces.map(showPiece),
    ),
  )
}

export function showData(from: Side, atMs: number, bytes: Bytes, protocol: string): HTMLElement {
  const text = utf8(bytes)
  return h(
    'li',
    { class: `entry from-${from}` },
    entryHead(from, atMs, protocol),
    h(
      'dl',
      { class: 'fields' },
      ...field('Length', String(bytes.length)),
      ...(text === undefined ? [] : field('As text', text.replace(/\n$/, ' ⏎'), 'payload')),
    ),
    h(
      'div',
      { class: 'strip' },
      showPiece({ part: 'payload', bytes, says: 'no framing: the bytes as they are' }),
    ),
  )
}

/** The frame as one sentence, for those who hear the page. */
export function tellFrame(from: Side, frame: Frame): string {
  const words = frame.text === undefined ? '' : `: ${clip(frame.text)}`
  return `Frame from the ${from}: ${frame.name}, ${frame.length} bytes${words}`
}

function entryHead(from: Side, atMs: number, name: string): HTMLElement {
  return h(
    'p',
    { class: 'entry-head' },
    h('span', { class: 'direction' }, from === 'client' ? 'client → server' : 'server → client'),
    h('strong', {}, name),
    h('span', { class: 'time' }, `${atMs.toFixed(1)} ms`),
  )
}

function field(name: string, value: string, kind: string = ''): HTMLElement[] {
  return [h('div', { class: kind }, h('dt', {}, name), h('dd', {}, value))]
}

function saysPayload(frame: Frame): string {
  if (frame.length === 0) return 'empty'
  if (frame.text === undefined) return hexClip(frame.payload)
  if (frame.opcode === 8) return frame.text
  return `“${clip(frame.text)}”`
}

function showPiece({ part, bytes, says }: Piece | UnitPiece): HTMLElement {
  return h('span', { class: `piece piece-${part}` }, h('code', {}, hexClip(bytes)), h('small', {}, says))
}

function showBits(frame: Frame): HTMLElement {
  const fields = bits(frame)
  return h(
    'details',
    { class: 'bits' },
    h('summary', {}, 'The first two bytes, bit by bit'),
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...fields.map(({ name }) => h('th', { scope: 'col' }, name)))),
      h('tbody', {}, h('tr', {}, ...fields.map((one) => h('td', {}, h('code', {}, one.bits))))),
    ),
  )
}

function hexClip(bytes: Bytes): string {
  if (bytes.length <= shownBytes) return hex(bytes)
  return `${hex(bytes.slice(0, shownBytes))} … ${bytes.length - shownBytes} more`
}

function clip(text: string): string {
  return text.length <= shownCharacters ? text : `${text.slice(0, shownCharacters)}…`
}
