import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  hasHeartbeats,
  isCompressed,
  isSecure,
  quickNames,
  selectWorkloads,
  workloads,
} from '../src/workloads.ts'

test('every workload has a name of its own', () => {
  assert.equal(new Set(workloads.map(({ name }) => name)).size, workloads.length)
})

test('echo comes in six sizes, as text and binary, with 1, 8 and 32 in flight', () => {
  const echoes = workloads.filter(({ name }) => name.startsWith('echo-'))
  assert.equal(echoes.length, 6 * 2 * 3)
})

test('the workloads called growth differ in their connections alone, and a quick run has none of them', () => {
  const growth = selectWorkloads(['growth-*']).chosen
  assert.deepEqual(
    growth.map(({ connections }) => connections),
    [10, 1000, 10_000],
  )
  const alike = growth.map((workload) => ({ ...workload, name: '', title: '', connections: 0 }))
  assert.deepEqual(alike[1], alike[0])
  assert.deepEqual(alike[2], alike[0])
  assert.deepEqual(growth.filter(hasHeartbeats), growth)
  assert.ok(!quickNames.some((name) => name.startsWith('growth-')))
})

test('only the workloads called deflate are compressed', () => {
  assert.deepEqual(
    workloads.filter(isCompressed).map(({ name }) => name),
    selectWorkloads(['deflate-*']).chosen.map(({ name }) => name),
  )
})

test('the workloads called tls are those over TLS, and otherwise the echo of their name', () => {
  const secure = selectWorkloads(['tls-*']).chosen
  assert.ok(secure.length > 0)
  assert.deepEqual(workloads.filter(isSecure), secure)
  for (const workload of secure) {
    const plain = workloads.find(({ name }) => name === workload.name.replace('tls', 'echo'))
    assert.deepEqual({ ...workload, name: '', title: '', secure: false }, { ...plain, name: '', title: '' })
  }
})

test('the quick run names workloads that exist', () => {
  assert.deepEqual(selectWorkloads(quickNames).unknown, [])
  assert.equal(selectWorkloads(quickNames).chosen.length, quickNames.length)
})

test('a star stands for anything, and a dot only for itself', () => {
  assert.equal(selectWorkloads(['*']).chosen.length, workloads.length)
  assert.deepEqual(selectWorkloads(['idl.']).unknown, ['idl.'])
})
