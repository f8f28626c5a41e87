import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Plan, readArguments } from '../src/arguments.ts'

function planOf(...line: string[]): Plan {
  const request = readArguments(line)
  assert.equal(request.kind, 'run')
  return (request as { plan: Plan }).plan
}

function mistakeOf(...line: string[]): string {
  const request = readArguments(line)
  assert.equal(request.kind, 'mistake')
  return (request as { text: string }).text
}

test('without arguments everything runs, and is published', () => {
  const plan = planOf()
  assert.ok(plan.workloads.length > 40)
  assert.ok(plan.peers.length >= 9)
  assert.deepEqual([plan.kind, plan.publish], ['full', true])
})

test('--quick runs fewer workloads, fewer peers and shorter windows', () => {
  const plan = planOf('--quick')
  assert.ok(plan.workloads.length < planOf().workloads.length)
  assert.ok(plan.settings.windowMs < planOf().settings.windowMs)
  assert.equal(plan.kind, 'quick')
})

test('a run of everything is published unless its Node, its load or its length is another', () => {
  for (const line of ['--rounds 5', '--window-ms 1000', '--instrument own', '--bun bun']) {
    assert.equal(planOf(...line.split(' ')).publish, true, line)
  }
  const others = [
    '--quick',
    '--node 26',
    '--rounds 1',
    '--window-ms 100',
    '--instrument load.c',
    '--profile folder',
  ]
  for (const line of [...others, '--json here.json', '--chart here.svg', '--peers turnout']) {
    assert.equal(planOf(...line.split(' ')).publish, false, line)
  }
})

test('--publish publishes a quick run, or one of another Node, and is refused where it would mislead', () => {
  assert.equal(planOf('--quick', '--publish').publish, true)
  assert.equal(planOf('--node', '26', '--publish').publish, true)
  assert.match(mistakeOf('--publish', '--only', 'idle'), /--publish does not go with --only and --peers/)
  assert.match(mistakeOf('--publish', '--instrument', 'load.c'), /--publish does not go with --instrument/)
  assert.match(mistakeOf('--publish', '--json', 'x'), /--publish does not go with --json and --chart/)
})

test('--linear asks for a table of its own', () => {
  assert.deepEqual(readArguments(['--linear']), { kind: 'linear' })
})

test('--only and --peers take names, lists, repetitions and stars', () => {
  const one = planOf('--only', 'echo-125-p32', '--peers', 'turnout,ws')
  assert.deepEqual(
    one.workloads.map(({ name }) => name),
    ['echo-125-p32'],
  )
  assert.deepEqual(
    one.peers.map(({ name }) => name),
    ['turnout', 'ws'],
  )
  assert.deepEqual([one.kind, one.publish], ['part', false])
  assert.deepEqual(
    planOf('--only', 'fanout-*', '--only', 'idle').workloads.map(({ name }) => name),
    ['fanout-p1', 'fanout-p8', 'idle'],
  )
})

test('a name that is not known is refused, with names that begin like it', () => {
  assert.match(mistakeOf('--only', 'echo-12'), /no workload is called "echo-12" \(echo-125-p1, /)
  assert.match(mistakeOf('--peers', 'turnoutt'), /no peer is called "turnoutt" \(turnout/)
  assert.match(mistakeOf('--peers', 'zzz'), /no peer is called "zzz"\n/)
  assert.match(mistakeOf('--only', ','), /--only names no workload/)
})

test('an option that is not known, a stray word and a number that is none are refused', () => {
  assert.match(mistakeOf('--quik'), /--quik/)
  assert.match(mistakeOf('echo'), /echo/)
  assert.match(mistakeOf('--rounds', '0'), /--rounds takes a whole number from 1 on, not "0"/)
  assert.match(mistakeOf('--window-ms', 'long'), /not "long"/)
})

test('the outside instrument comes instead of the own load, or beside it', () => {
  assert.deepEqual(
    [planOf('--instrument', 'load.c').own, planOf('--instrument', 'load.c').instrument],
    [false, 'load.c'],
  )
  assert.equal(planOf('--instrument', 'own', '--instrument', 'load.c').own, true)
  assert.match(mistakeOf('--instrument', 'a.c', '--instrument', 'b.c'), /--instrument: one besides "own"/)
})
