/// <reference lib="dom" />
// Knows how a connection looks from above: two lifelines as tracks, arrows between them, and the points where
// both tracks leave HTTP/1.1.
import type { Side } from '../tape.ts'
import { svg } from './dom.ts'
import { describeRow, type Row, saysOver } from './rows.ts'

export interface DiagramOptions {
  readonly rows: readonly Row[]
  readonly widthPx: number
  /** Who the client is. */
  readonly client: string
  /** Rows from here on are new since the last drawing. */
  readonly newFrom: number
}

interface Track {
  /** Where the lifelines run before the points. */
  readonly main: Record<Side, number>
  /** And after them. */
  readonly branch: Record<Side, number>
  readonly wide: boolean
}

const topPx = 62
const rowPx: Readonly<Record<Row['kind'], number>> = {
  tcp: 34,
  message: 56,
  switch: 72,
  frame: 42,
  more: 30,
  fin: 34,
  stop: 26,
}

export function drawDiagram({ rows, widthPx, client, newFrom }: DiagramOptions): SVGSVGElement {
  const track = layTrack(widthPx)
  const tops: number[] = []
  let y = topPx
  for (const row of rows) {
    tops.push(y)
    y += rowPx[row.kind]
  }
  const bottom = y + 10
  const switchAt = rows.findIndex(({ kind }) => kind === 'switch')
  const root = svg('svg', {
    viewBox: `0 0 ${widthPx} ${bottom}`,
    width: widthPx,
    height: bottom,
    'aria-hidden': 'true',
    focusable: 'false',
  })
  for (const side of ['client', 'server'] as const) {
    root.append(...drawLine(track, side, switchAt === -1 ? undefined : tops[switchAt]!, bottom, rows))
    root.append(drawSign(track, side, side === 'client' ? client : 'this server', widthPx))
  }
  for (const [index, row] of rows.entries()) {
    const switched = switchAt !== -1 && index > switchAt
    const group = drawRow(row, tops[index]!, switched ? track.branch : track.main, track, widthPx)
    if (index >= newFrom) group.classList.add('new')
    root.append(group)
  }
  return root
}

function layTrack(width: number): Track {
  const wide = width >= 560
  const left = wide ? 104 : 16
  const right = width - (wide ? 56 : 16)
  const inward = wide ? 34 : 16
  return {
    wide,
    main: { client: left, server: right },
    branch: { client: left + inward, server: right - inward },
  }
}

function drawLine(
  track: Track,
  side: Side,
  switchTop: number | undefined,
  bottom: number,
  rows: readonly Row[],
): SVGElement[] {
  const x = track.main[side]
  const start = topPx - 20
  const over = rows.at(-1)?.kind === 'stop'
  const end = over ? bottom - 22 : bottom
  if (switchTop === undefined) {
    return [...drawTrack('line-main', `M${x} ${start}V${end}`), ...(over ? [drawStop(x, end)] : [])]
  }
  const to = track.branch[side]
  const leave = switchTop + 6
  const arrive = switchTop + 58
  const middle = (leave + arrive) / 2
  return [
    svg('path', { class: 'line-left', d: `M${x} ${leave}V${arrive - 4}` }),
    drawStop(x, arrive - 4, 'stop-left'),
    ...drawTrack('line-main', `M${x} ${start}V${leave}`),
    ...drawTrack('line-branch', `M${x} ${leave}C${x} ${middle} ${to} ${middle} ${to} ${arrive}V${end}`),
    ...(over ? [drawStop(to, end)] : []),
  ]
}

/** A line as wide as a track, with a light seam: two rails. */
function drawTrack(kind: string, d: string): SVGElement[] {
  return [svg('path', { class: `line ${kind}`, d }), svg('path', { class: 'seam', d })]
}

function drawStop(x: number, y: number, kind: string = 'stop-end'): SVGElement {
  return svg('path', { class: kind, d: `M${x - 9} ${y}H${x + 9}` })
}

function drawSign(track: Track, side: Side, words: string, width: number): SVGElement {
  const half = Math.max(48, words.length * 4.1 + 14)
  const x = Math.min(Math.max(track.main[side], half + 1), width - half - 1)
  return svg(
    'g',
    { class: 'name' },
    svg('rect', { x: x - half, y: 8, width: half * 2, height: 30, rx: 6 }),
    svg('text', { x, y: 28, 'text-anchor': 'middle' }, words),
  )
}

function drawRow(
  row: Row,
  top: number,
  ends: Record<Side, number>,
  track: Track,
  _width: number,
): SVGGElement {
  const group = svg('g', { class: `row row-${row.kind}` }, svg('title', {}, describeRow(row)))
  const y = top + rowPx[row.kind] - 10
  const middle = (ends.client + ends.server) / 2
  const roomPx = ends.server - ends.client - 36
  const say = (words: string, at: number, kind: string) => {
    group.append(
      svg('text', { x: middle, y: at, class: kind, 'text-anchor': 'middle' }, shorten(words, roomPx, kind)),
    )
  }
  if (track.wide && row.atMs !== undefined) {
    group.append(svg('text', { x: 4, y: y + 2, class: 'time' }, `${row.atMs.toFixed(1)} ms`))
  }
  switch (row.kind) {
    case 'tcp':
      group.append(svg('path', { class: 'tie', d: `M${ends.client + 8} ${y}H${ends.server - 8}` }))
      say(row.over === undefined ? 'TCP connection' : saysOver(row.over), y - 6, 'small')
      break
    case 'message':
      group.append(drawArrow(row.from, ends, y, `arrow tone-${row.tone}`))
      say(row.label, y - 25, `label tone-${row.tone}`)
      say(row.detail, y - 9, 'small')
      break
    case 'frame':
      group.append(drawArrow(row.from, ends, y, `arrow tone-branch${row.control ? ' control' : ''}`))
      say(row.label, y - 8, 'label')
      break
    case 'switch':
      say(row.protocol, top + 34, 'line-name')
      say('the same connection, another protocol', top + 52, 'small')
      break
    case 'fin':
      group.append(drawArrow(row.from, ends, y, 'arrow fin'))
      say('FIN: no more from here', y - 7, 'small')
      break
    case 'more':
      say(`… ${row.count} more …`, y - 2, 'small')
      break
    case 'stop':
      say('end of the connection', y + 6, 'small')
      break
  }
  return group
}

function drawArrow(from: Side, ends: Record<Side, number>, y: number, kind: string): SVGElement {
  const gap = 8
  const rightward = from === 'client'
  const start = rightward ? ends.client + gap : ends.server - gap
  const tip = rightward ? ends.server - gap : ends.client + gap
  const back = rightward ? -9 : 9
  return svg('path', {
    class: kind,
    d: `M${start} ${y - 3}L${tip} ${y + 3}M${tip + back} ${y - 3}L${tip} ${y + 3}L${tip + back} ${y + 7}`,
  })
}

/** What fits, by the width that a letter of the diagram's face has on average. */
function shorten(words: string, roomPx: number, kind: string): string {
  const letterPx = kind === 'small' ? 6.4 : 7.9
  const room = Math.max(8, Math.floor(roomPx / letterPx))
  return words.length <= room ? words : `${words.slice(0, room - 1)}…`
}
