// Knows how results read in a terminal: a block for each workload, and one table of all at the end.
import { bases } from '../peers.ts'
import type { PeerResult, Results, RunKind, WorkloadResult } from '../results.ts'
import { type Figure, spreadOf } from '../statistics.ts'

/** One workload: a row for each peer, cheapest first, and who was left out. */
export function workloadBlock(result: WorkloadResult): string {
  const memory = result.unit === 'bytes a connection'
  const entries = Object.entries(result.peers).sort(([, a], [, b]) => a.cost.median - b.cost.median)
  const baseNames = bases.filter((base) => entries.some(([, { ratios }]) => base in ratios))
  const header = [
    'peer',
    memory ? 'KB/conn' : 'CPU µs',
    '±',
    ...baseNames.flatMap((base) => [`× ${base}`, '±']),
    ...(memory ? ['memory'] : ['messages/s', 'busy', 'p50 µs', 'p99 µs', 'memory']),
  ]
  const rows = entries.map(([peer, row]) => [
    peer,
    significant(memory ? row.cost.median / 1024 : row.cost.median),
    spreadCell(row.cost),
    ...baseNames.flatMap((base) => ratioCells(row.ratios[base])),
    ...(memory
      ? [megabytes(row.rssBytes)]
      : [
          row.perSecond === undefined ? '' : Math.round(row.perSecond.median).toLocaleString('en'),
          row.busy === undefined ? '' : percent(row.busy.median),
          row.p50Micros === undefined ? '' : significant(row.p50Micros.median),
          row.p99Micros === undefined ? '' : significant(row.p99Micros.median),
          megabytes(row.rssBytes),
        ]),
  ])
  const by = result.instrument === 'own' ? '' : `, load by ${result.instrument}`
  const figures = rows.length === 0 ? [] : table([header, ...rows])
  return [`${result.name}: ${result.title}${by}`, ...figures, ...absent(result), ''].join('\n')
}

/** Everything in one table: cost, and in brackets its ratio to ws. */
export function summary(results: readonly WorkloadResult[]): string {
  const measured = results.filter(({ peers }) => Object.keys(peers).length > 0)
  const columns = [...new Set(results.flatMap(({ peers }) => Object.keys(peers)))]
  if (columns.length === 0) return 'Nothing could be measured.'
  const several = new Set(results.map(({ instrument }) => instrument)).size > 1
  const cell = (result: WorkloadResult, row: PeerResult | undefined) => {
    if (row === undefined) return '–'
    const cost = result.unit === 'bytes a connection' ? row.cost.median / 1024 : row.cost.median
    const ratio = row.ratios.ws
    return ratio === undefined ? significant(cost) : `${significant(cost)} (${significant(ratio.median, 2)})`
  }
  return [
    'CPU µs a message (× ws); idle: KB a connection',
    ...table([
      ['', ...columns],
      ...measured.map((result) => [
        several ? `${result.name}, ${result.instrument}` : result.name,
        ...columns.map((peer) => cell(result, result.peers[peer])),
      ]),
    ]),
  ].join('\n')
}

const kinds: Readonly<Record<RunKind, string>> = {
  full: 'full run',
  quick: 'quick run',
  part: 'part of a run',
}

/** What kind of run it was: `full run, 3 rounds × 2 windows of 400 ms, Node 20.19.0, 2026-01-02`. */
export function runLine({ kind, complete, settings, machine, made }: Results): string {
  const times = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`
  return [
    `${kinds[kind]}${complete ? '' : ', unfinished'}`,
    `${times(settings.rounds, 'round')} × ${times(settings.windows, 'window')} of ${settings.windowMs} ms`,
    `Node ${machine.node.replace(/^v/, '')}`,
    made.slice(0, 10),
  ].join(', ')
}

/** Digits that mean something, and never fewer than stand before the point: 0.0613, 0.472, 9.41, 112, 1,578. */
export function significant(value: number, digits: number = 3): string {
  if (!Number.isFinite(value)) return '–'
  if (Math.abs(value) >= 10 ** digits) return Math.round(value).toLocaleString('en')
  return value.toLocaleString('en', { minimumSignificantDigits: digits, maximumSignificantDigits: digits })
}

function ratioCells(ratio: Figure | undefined): [string, string] {
  return ratio === undefined ? ['', ''] : [significant(ratio.median), spreadCell(ratio)]
}

/** One sample has no spread; it must not look like a steady one. */
function spreadCell(figure: Figure): string {
  return figure.samples.length < 2 ? '–' : percent(spreadOf(figure))
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)}%`
}

function megabytes(figure: Figure | undefined): string {
  return figure === undefined ? '' : `${Math.round(figure.median / 2 ** 20)} MB`
}

/** One line a reason. */
function absent({ leftOut }: WorkloadResult): string[] {
  const reasons = new Map<string, string[]>()
  for (const [peer, why] of Object.entries(leftOut)) reasons.set(why, [...(reasons.get(why) ?? []), peer])
  return [...reasons].map(([why, peers]) => `  left out: ${peers.join(', ')} (${why})`)
}

/** First column to the left, figures to the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map(
    (row) =>
      `  ${row
        .map((text, column) => (column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!)))
        .join('  ')
        .trimEnd()}`,
  )
}
