import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runLine, significant, summary, workloadBlock } from '../../src/report/text.ts'
import { sampleResults } from './sample.ts'

test('figures show the digits that mean something', () => {
  assert.deepEqual(
    [0.0613, 0.472, 9.412, 9.996, 112.4, 999.6, 1578.2].map((value) => significant(value)),
    ['0.0613', '0.472', '9.41', '10.0', '112', '1,000', '1,578'],
  )
  assert.equal(significant(0), '0.00')
})

test('two digits tell a ratio below a tenth from its neighbours', () => {
  assert.deepEqual(
    [0.0834, 0.0949, 0.0996, 0.472, 1.18, 13.4].map((value) => significant(value, 2)),
    ['0.083', '0.095', '0.10', '0.47', '1.2', '13'],
  )
})

test('a block has columns for the ratios that there are, and none for a peer that stands alone', () => {
  const both = workloadBlock(sampleResults.workloads[0]!)
  assert.match(both, /× ws/)
  assert.doesNotMatch(both, /× raw|× bun/)
  const { ws } = sampleResults.workloads[0]!.peers
  assert.doesNotMatch(workloadBlock({ ...sampleResults.workloads[0]!, peers: { ws: ws! } }), /×/)
})

test('a block shows its peers from the cheapest on, and why others are absent', () => {
  const lines = workloadBlock(sampleResults.workloads[0]!).split('\n')
  assert.match(lines[0]!, /^echo-125-p32: /)
  assert.match(lines[2]!, /^ {2}turnout .*0\.500/)
  assert.match(lines[3]!, /^ {2}ws /)
  assert.match(lines[4]!, /left out: bun, uws \(no runtime & no binary\)/)
})

test('the table of all leaves out what nobody could do', () => {
  const text = summary(sampleResults.workloads)
  assert.match(text, /echo-125-p32 +0\.500 \(0\.10\) +5\.00/)
  assert.doesNotMatch(text, /handshake/)
  assert.equal(summary([]), 'Nothing could be measured.')
})

test('a run says how long and how often it measured, and whether it came to its end', () => {
  assert.equal(runLine(sampleResults), 'quick run, 1 round × 3 windows of 300 ms, Node 26.0.0, 2026-01-02')
  assert.match(runLine({ ...sampleResults, kind: 'full', complete: false }), /^full run, unfinished, /)
})

test('a single sample has no spread to show', () => {
  assert.match(workloadBlock(sampleResults.workloads[0]!), /turnout +0\.500 +–/)
})
