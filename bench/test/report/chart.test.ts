import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chart } from '../../src/report/chart.ts'
import { sampleResults } from './sample.ts'

const svg = chart(sampleResults)

test('the chart says in words what it shows', () => {
  assert.match(svg, /role="img" aria-labelledby="title desc"/)
  assert.match(
    svg,
    /<desc id="desc">echo 125 B, 32 in flight: turnout 0\.50 µs, 0\.10 × ws; ws 5\.00 µs\.<\/desc>/,
  )
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
  assert.match(svg, /CPU time a message or handshake, user \+ system, .*; memory where idle\./)
})

test('a workload without figures has no panel', () => {
  assert.doesNotMatch(svg, /handshake \+ close/)
})
