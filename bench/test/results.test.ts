import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gathering } from '../src/results.ts'
import { workloads } from '../src/workloads.ts'

const [workload] = workloads

test('a peer in which something went wrong gives a reason and no figure, whatever it showed before', () => {
  const gathering = new Gathering()
  gathering.add('sound', { cost: 2 })
  gathering.add('broken', { cost: 1 })
  gathering.leaveOut('broken', 'a message came back with another content')
  gathering.leaveOut('broken', 'a later reason')
  const result = gathering.result(workload!, 'own', ['sound'])
  assert.deepEqual(Object.keys(result.peers), ['sound'])
  assert.deepEqual(result.leftOut, { broken: 'a message came back with another content' })
})

test('ratios are taken against every base that was measured, and not against oneself', () => {
  const gathering = new Gathering()
  for (const cost of [1, 2, 3]) {
    gathering.add('ws', { cost: cost * 10 })
    gathering.add('turnout', { cost })
  }
  const { peers } = gathering.result(workload!, 'own', ['ws', 'raw'])
  assert.equal(peers.turnout?.ratios.ws?.median, 0.1)
  assert.deepEqual(peers.ws?.ratios, {})
})

test('what was not measured is absent, not zero', () => {
  const gathering = new Gathering()
  gathering.add('ws', { cost: 10 })
  const { peers } = gathering.result(workload!, 'own', [])
  assert.deepEqual(Object.keys(peers.ws!), ['cost', 'ratios'])
})
