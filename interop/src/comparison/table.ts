// Knows how the comparison is written down: all of it in docs/comparison.md, the short form in the README.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { arrival } from './arrival.ts'
import type { ContenderName } from './contender.ts'
import { contenders } from './contenders/all.ts'
import { life } from './life.ts'
import { messages } from './messages.ts'
import { packages } from './packages.ts'
import { protocols } from './protocols.ts'
import type { Row, RowGroup } from './row.ts'

export const groups: readonly RowGroup[] = [
  { title: 'The request', rows: arrival },
  { title: 'Other protocols and versions', rows: protocols },
  { title: 'Messages', rows: messages },
  { title: 'The connection', rows: life },
  { title: 'The package', rows: packages },
]

/** What each library was found to do: by fact, then by library. */
export type Findings = ReadonlyMap<string, ReadonlyMap<ContenderName, string>>

const house = fileURLToPath(new URL('../../../../', import.meta.url))
const marks = ['<!-- comparison -->', '<!-- /comparison -->'] as const

export const places = {
  'docs/comparison.md': (row: Row) => row !== undefined,
  'README.md': (row: Row) => row.short === true,
} as const
export type Place = keyof typeof places

/** The tables that a document should hold. */
export function written(place: Place, findings: Findings): string {
  const chosen = groups.map(({ title, rows }) => ({ title, rows: rows.filter(places[place]) }))
  if (place === 'README.md')
    return table(
      chosen.flatMap(({ rows }) => rows),
      findings,
    )
  return chosen.map(({ title, rows }) => `### ${title}\n\n${table(rows, findings)}`).join('\n')
}

function table(rows: readonly Row[], findings: Findings): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`
  const names = contenders.map(({ name }) => name)
  return [
    line(['', ...names]),
    line(['---', ...names.map(() => '---')]),
    ...rows.map(({ fact }) => line([fact, ...names.map((name) => findings.get(fact)?.get(name) ?? '?')])),
  ].join('')
}

/** The findings that a document holds now. */
export function readFindings(place: Place): Map<string, Map<ContenderName, string>> {
  const findings = new Map<string, Map<ContenderName, string>>()
  for (const line of between(place).split('\n')) {
    const [fact, ...cells] = line.replace(/^\| | \|$/g, '').split(' | ')
    if (fact === undefined || cells.length !== contenders.length || /^(---)?$/.test(fact.trim())) continue
    findings.set(fact, new Map(contenders.map(({ name }, index) => [name, cells[index]!])))
  }
  return findings
}

/** The text between the marks of a document. */
export function between(place: Place): string {
  const [start, end] = span(readFileSync(document(place), 'utf8'), place)
  return readFileSync(document(place), 'utf8').slice(start, end)
}

export function write(place: Place, findings: Findings): void {
  const text = readFileSync(document(place), 'utf8')
  const [start, end] = span(text, place)
  writeFileSync(document(place), `${text.slice(0, start)}\n${written(place, findings)}\n${text.slice(end)}`)
}

/** Where a document lies. */
export function document(place: Place): string {
  return join(house, place)
}

function span(text: string, place: Place): [start: number, end: number] {
  const [first, last] = marks
  const [start, end] = [text.indexOf(first), text.indexOf(last)]
  if (start === -1 || end < start) throw new Error(`${place} lacks ${first} … ${last}`)
  return [start + first.length, end]
}
