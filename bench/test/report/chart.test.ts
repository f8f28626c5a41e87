import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chart } from '../../src/report/chart.ts'
import { Gathering } from '../../src/results.ts'
import { workloads } from '../../src/workloads.ts'
import { sampleResults } from './sample.ts'

const svg = chart(sampleResults) ?? ''

test('the chart says in words what it shows', () => {
  assert.match(svg, /role="img" aria-labelledby="title desc"/)
  assert.match(
    svg,
    /<desc id="desc">echo 125 B, 32 in flight: turnout 0\.50 µs, 0\.10 × ws; ws 5\.00 µs\.<\/desc>/,
  )
})

test('the chart says what kind of run it comes from, with which Node, and when', () => {
  assert.match(svg, />quick run, 1 round × 3 windows of 300 ms, Node 26\.0\.0, 2026-01-02</)
})

test('several samples have their spread on the bar, and in words', () => {
  assert.doesNotMatch(svg, /<path class="spread"|±/)
  const gathering = new Gathering()
  for (const cost of [4, 4, 5, 6, 8]) gathering.add('turnout', { cost })
  const echo = workloads.find(({ name }) => name === 'echo-16-p1')!
  const steady = chart({ ...sampleResults, workloads: [gathering.result(echo, 'own', [])] }) ?? ''
  // From 4 to 6 of 6, where the bar ends at 5.
  assert.match(steady, /<rect class="bar turnout" x="170\.0" [^>]* width="118\.3"/)
  assert.match(steady, /<path class="spread" d="M264\.7 [\d.]+H312\.0"\/><text class="value own" x="318\.0"/)
  assert.match(steady, /turnout 5\.00 µs \(±20%\)/)
})

test('a run of what the README does not show is drawn as it is, and a run without figures is not', () => {
  const gathering = new Gathering()
  gathering.add('turnout', { cost: 2 })
  const growth = workloads.find(({ name }) => name === 'growth-10')!
  const byOther = gathering.result(growth, 'load.c', [])
  assert.match(chart({ ...sampleResults, workloads: [byOther] }) ?? '', />echo 125 B, 8 in flight, 10 conn/)
  assert.equal(chart({ ...sampleResults, workloads: [] }), undefined)
})

test('the chart has colours for light and dark, and nothing from elsewhere', () => {
  assert.match(svg, /prefers-color-scheme:dark/)
  assert.doesNotMatch(svg.replace('http://www.w3.org/2000/svg', ''), /https?:|href|@import/)
})

test('text is escaped and every element is closed', () => {
  assert.match(svg, /Processor &lt;with &amp; signs&gt;/)
  const open: string[] = []
  for (const [, end, name, alone] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
    if (end === '/') assert.equal(open.pop(), name)
    else if (alone !== '/') open.push(name!)
  }
  assert.deepEqual(open, [])
})

test('the heading speaks of all that the panels show', () => {
  assert.match(svg, /CPU time a message or handshake, user \+ system, .*; memory of an idle connection\./)
})

test('a workload without figures has no panel', () => {
  assert.doesNotMatch(svg, /handshake \+ close/)
})
