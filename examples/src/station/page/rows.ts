// Knows which lines a sequence diagram has for the steps of a connection, and what each says in words.
import type { Over, Side } from '../tape.ts'
import { hex, utf8 } from './bytes.ts'
import type { Frame } from './frames.ts'
import { fieldValues, type HttpMessage, statusOf } from './http.ts'
import type { Step } from './reader.ts'

export type Tone = 'main' | 'branch' | 'refused'

export type Row = { readonly atMs: number | undefined } & (
  | { readonly kind: 'tcp'; readonly over: Over | undefined }
  | {
      readonly kind: 'message'
      readonly from: Side
      readonly label: string
      readonly detail: string
      readonly tone: Tone
    }
  | { readonly kind: 'switch'; readonly protocol: string }
  | { readonly kind: 'frame'; readonly from: Side; readonly label: string; readonly control: boolean }
  | { readonly kind: 'fin'; readonly from: Side }
  | { readonly kind: 'more'; readonly count: number }
  | { readonly kind: 'stop' }
)

/** Frames drawn at the start and at the end; what is between becomes one row. */
const firstFrames = 8
const lastFrames = 8

export function rowsOf(steps: readonly Step[]): Row[] {
  return foldFrames(steps.flatMap(rowOf))
}

function rowOf(step: Step): Row[] {
  const { atMs } = step
  switch (step.kind) {
    case 'open':
      return [{ kind: 'tcp', atMs, over: step.over }]
    case 'request':
      return [{ kind: 'message', from: 'client', atMs, ...saysRequest(step.message) }]
    case 'response':
      return [{ kind: 'message', from: 'server', atMs, ...saysResponse(step.message) }]
    case 'switch':
      return [{ kind: 'switch', atMs: undefined, protocol: step.protocol }]
    case 'frame':
      return [
        {
          kind: 'frame',
          atMs,
          from: step.from,
          label: saysFrame(step.frame),
          control: step.frame.opcode > 7,
        },
      ]
    case 'unit':
      return [{ kind: 'frame', atMs, from: step.from, label: step.unit.label, control: step.unit.control }]
    case 'data':
      return [{ kind: 'frame', atMs, from: step.from, label: saysBytes(step.bytes), control: false }]
    case 'end':
      return [{ kind: 'fin', atMs, from: step.from }]
    case 'close':
      return [{ kind: 'stop', atMs }]
    case 'full':
      return []
  }
}

function foldFrames(rows: readonly Row[]): Row[] {
  const at = rows.flatMap((row, index) => (row.kind === 'frame' ? [index] : []))
  const count = at.length - firstFrames - lastFrames
  if (count < 2) return [...rows]
  const hidden = new Set(at.slice(firstFrames, firstFrames + count))
  const more: Row = { kind: 'more', atMs: undefined, count }
  const place = at[firstFrames]!
  return rows.flatMap((row, index) => (index === place ? [more] : hidden.has(index) ? [] : [row]))
}

interface Said {
  readonly label: string
  readonly detail: string
  readonly tone: Tone
}

function saysRequest({ head }: HttpMessage): Said {
  if (head.over !== undefined) {
    const [path = ''] = fieldValues(head, ':path')
    const detail = `:protocol: ${fieldValues(head, ':protocol').join()}`
    return { label: `CONNECT ${path.replace(/\?.*$/, '')}`, detail, tone: 'main' }
  }
  const [method = '', target = '', version = ''] = head.start.split(' ')
  const path = target.replace(/\?.*$/, '')
  const asked = fieldValues(head, 'upgrade').join(', ')
  return {
    label: `${method} ${path}`,
    detail: asked === '' ? version : `Upgrade: ${asked}`,
    tone: 'main',
  }
}

function saysResponse({ head }: HttpMessage): Said {
  const status = statusOf(head)
  const label = head.start.replace(/^\S+ /, '')
  const versions = fieldValues(head, 'sec-websocket-version').join(', ')
  if (head.over !== undefined) {
    const tone = status === 200 ? 'branch' : 'refused'
    return { label: `:status: ${status}`, detail: `on stream ${head.over.stream}`, tone }
  }
  if (status === 101) {
    return { label, detail: `Upgrade: ${fieldValues(head, 'upgrade').join(', ')}`, tone: 'branch' }
  }
  if (status >= 400) {
    return {
      label,
      detail: versions === '' ? 'no switch' : `Sec-WebSocket-Version: ${versions}`,
      tone: 'refused',
    }
  }
  return { label, detail: 'the connection stays with HTTP/1.1', tone: 'main' }
}

function saysFrame(frame: Frame): string {
  const kind = frame.fin || frame.opcode > 7 ? frame.name : `${frame.name}, more follows`
  if (frame.opcode === 8) return `${kind} ${frame.text ?? ''}`
  if (frame.text !== undefined) return frame.text === '' ? kind : `${kind} “${frame.text}”`
  if (frame.length === 0) return kind
  return frame.length > 8 ? `${kind}, ${frame.length} bytes` : `${kind} ${hex(frame.payload)}`
}

export function saysBytes(bytes: Uint8Array): string {
  const text = utf8(bytes)
  return text === undefined ? hex(bytes) : `“${text.replace(/\n$/, '')}”`
}

/** The row as a sentence, for those who hear the page. */
export function describeRow(row: Row): string {
  switch (row.kind) {
    case 'tcp':
      return row.over === undefined
        ? 'The client opens a TCP connection.'
        : `The client opens ${saysOver(row.over)}.`
    case 'message':
      return `${from(row.from)}: ${row.label}, ${row.detail}.`
    case 'switch':
      return `From here on the connection speaks ${row.protocol}.`
    case 'frame':
      return `${from(row.from)}: ${row.label}`
    case 'more':
      return `${row.count} more.`
    case 'fin':
      return `${from(row.from)}: FIN, nothing more from here.`
    case 'stop':
      return 'The connection is over.'
  }
}

/** `stream 5 of HTTP/2` */
export function saysOver({ alpn, tls, stream }: Over): string {
  return `stream ${stream} of HTTP/2 (ALPN ${alpn}, ${tls})`
}

function from(side: Side): string {
  return side === 'client' ? 'Client' : 'Server'
}
