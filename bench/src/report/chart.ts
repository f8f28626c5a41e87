// Knows how to draw the results: one small panel a workload, one bar a peer, in an SVG that stands on its own
// card, light or dark as its reader's system is.
import type { PeerResult, Results, WorkloadResult } from '../results.ts'
import { spreadOf } from '../statistics.ts'
import { runLine, significant } from './text.ts'

/** The workloads that a reader of the README wants to see, as far as they were measured. */
const shown: readonly (readonly [name: string, title: string])[] = [
  ['echo-16-p1', 'echo 16 B'],
  ['echo-125-p32', 'echo 125 B, 32 in flight'],
  ['echo-1k-binary-p1', 'echo 1 KiB binary'],
  ['echo-16k-binary-p1', 'echo 16 KiB binary'],
  ['echo-64k-binary-p1', 'echo 64 KiB binary'],
  ['echo-1m-binary-p1', 'echo 1 MiB binary'],
  ['tls-125-p32', 'echo 125 B over TLS, 32 in flight'],
  ['deflate-1k-p1', 'permessage-deflate, 1 KiB of JSON'],
  ['fanout-p8', 'fan-out to 1,000, 8 in flight'],
  ['handshake', 'handshake + close'],
  ['client-125-p32', 'clients: echo 125 B, 32 in flight'],
  ['idle', 'memory of an idle connection'],
]

const drawn: readonly (readonly [name: string, label: string])[] = [
  ['turnout', 'turnout'],
  ['turnout-lent', "turnout, 'lent'"],
  ['ws', 'ws'],
  ['faye-websocket', 'faye-websocket'],
  ['websocket', 'websocket'],
  ['undici', 'undici'],
  ['bun', 'Bun (C++)'],
  ['uws', 'uWebSockets.js (C++)'],
  ['raw', 'raw net'],
]

const width = 860
const margin = 24
const gap = 28
const panelWidth = (width - 2 * margin - gap) / 2
const labelWidth = 146
const valueWidth = 104
const barWidth = panelWidth - labelWidth - valueWidth
const rowHeight = 19
const titleHeight = 26
const top = 100

interface Panel {
  readonly title: string
  readonly result: WorkloadResult
}

/** The chart as SVG text; undefined when there is nothing to draw. */
export function chart(results: Results): string | undefined {
  const { machine, versions } = results
  const panels = panelsOf(results)
  if (panels.length === 0) return undefined
  let y = top
  const body: string[] = []
  for (let index = 0; index < panels.length; index += 2) {
    const row = panels.slice(index, index + 2)
    row.forEach(({ title, result }, column) => {
      body.push(panel(title, result, margin + column * (panelWidth + gap), y))
    })
    y += Math.max(...row.map(({ result }) => panelHeight(result))) + 20
  }
  const height = y + 51
  const under = [
    ...(machine.bun === undefined ? [] : [`Bun ${machine.bun}`]),
    ...(versions.ws === undefined ? [] : [versions.ws]),
    `${machine.cores} cores, ${machine.processor}`,
  ].join(' · ')
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc">
<title id="title">What a message, a handshake and an idle connection cost, turnout beside its peers</title>
<desc id="desc">${escaped(panels.map(({ title, result }) => inWords(title, result)).join(' '))}</desc>
<style>${style}</style>
<rect class="card" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="10"/>
<text class="head" x="${margin}" y="40">What it costs</text>
<text class="note" x="${margin}" y="61">CPU time a message or handshake, user + system, of the server or client; memory of an idle connection. Shorter is better.</text>
<text class="note" x="${margin}" y="78">A bar is the median of all windows; the thin line on it spans the middle half of them.</text>
${body.join('\n')}
<text class="note" x="${margin}" y="${height - 35}">${escaped(runLine(results))}</text>
<text class="note" x="${margin}" y="${height - 18}">${escaped(under)}</text>
</svg>
`
}

const style = `
text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1f2328}
.card{fill:#ffffff;stroke:#d1d9e0}
.head{font-size:19px;font-weight:600}
.note{fill:#59636e}
.panel{font-size:13px;font-weight:600}
.label,.value{fill:#59636e}
.own{fill:#0a53c4;font-weight:600}
.bar{fill:#afb8c1}
.bar.turnout,.bar.turnout-lent{fill:#0969da}
.bar.raw{fill:none;stroke:#818b98;stroke-dasharray:3 2}
.spread{fill:none;stroke:#1f2328}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}
.card{fill:#0d1117;stroke:#3d444d}
.note,.label,.value{fill:#9198a1}
.own{fill:#79b8ff}
.bar{fill:#545d68}
.bar.turnout,.bar.turnout-lent{fill:#4493f8}
.bar.raw{fill:none;stroke:#9198a1}
.spread{stroke:#f0f6fc}
}
`

/** What the README shows, as far as it was measured; without any of it, whatever was. By the own load, if it was there. */
function panelsOf({ workloads }: Results): readonly Panel[] {
  const drawable = workloads.filter((result) => rowsOf(result).length > 0)
  const own = drawable.filter(({ instrument }) => instrument === 'own')
  const results = own.length > 0 ? own : drawable
  const panels = shown.flatMap(([name, title]) =>
    results.filter((result) => result.name === name).map((result) => ({ title, result })),
  )
  return panels.length > 0 ? panels : results.map((result) => ({ title: result.title, result }))
}

function panel(title: string, result: WorkloadResult, x: number, y: number): string {
  const rows = rowsOf(result)
  const most = Math.max(...rows.map(({ peer }) => peer.cost.high))
  const lines = rows.map(({ name, label, peer }, index) => {
    const middle = y + titleHeight + index * rowHeight + rowHeight / 2
    const length = Math.max(1.5, (peer.cost.median / most) * barWidth)
    const start = x + labelWidth
    const own = name === 'turnout' ? ' own' : ''
    const bar = `<rect class="bar ${name}" x="${round(start)}" y="${round(middle - 6)}" width="${round(length)}" height="12" rx="2"/>`
    const { low, high, samples } = peer.cost
    const from = start + (low / most) * barWidth
    const to = start + (high / most) * barWidth
    const spread =
      samples.length < 2 ? '' : `<path class="spread" d="M${round(from)} ${round(middle)}H${round(to)}"/>`
    const after = Math.max(start + length, samples.length < 2 ? 0 : to) + 6
    return (
      `<text class="label${own}" x="${x}" y="${round(middle + 4)}">${escaped(label)}</text>${bar}${spread}` +
      `<text class="value${own}" x="${round(after)}" y="${round(middle + 4)}">${escaped(value(result, peer, name))}</text>`
    )
  })
  return `<g>\n<text class="panel" x="${x}" y="${y + 12}">${escaped(title)}</text>\n${lines.join('\n')}\n</g>`
}

function panelHeight(result: WorkloadResult): number {
  return titleHeight + rowsOf(result).length * rowHeight
}

function rowsOf({ peers }: WorkloadResult): { name: string; label: string; peer: PeerResult }[] {
  return drawn.flatMap(([name, label]) => {
    const peer = peers[name]
    return peer === undefined ? [] : [{ name, label, peer }]
  })
}

function value({ unit }: WorkloadResult, { cost, ratios }: PeerResult, name: string): string {
  const text =
    unit === 'bytes a connection'
      ? `${significant(cost.median / 1024, 2)} KB`
      : `${significant(cost.median, cost.median < 1 ? 2 : 3)} µs`
  const ratio = ratios.ws
  return name === 'turnout' && ratio !== undefined ? `${text}, ${significant(ratio.median, 2)} × ws` : text
}

function inWords(title: string, result: WorkloadResult): string {
  const rows = rowsOf(result).map(({ name, label, peer }) => {
    const spread = peer.cost.samples.length < 2 ? '' : ` (±${Math.round(spreadOf(peer.cost) * 100)}%)`
    return `${label} ${value(result, peer, name)}${spread}`
  })
  return `${title}: ${rows.join('; ')}.`
}

function round(value: number): string {
  return value.toFixed(1)
}

function escaped(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}
