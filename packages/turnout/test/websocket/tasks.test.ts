import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Tasks } from '../../src/websocket/tasks.ts'
import { turn } from '../base/turns.ts'

const nobody = { onBacklog: () => {}, onBacklogDone: () => {} }

test('the first is done at once, the next when the promises of the one before are through', async () => {
  const tasks = new Tasks(nobody)
  const log: string[] = []
  const chain = async (name: string, depth: number): Promise<void> => {
    for (let i = 0; i < depth; i++) await undefined
    log.push(`${name} through`)
  }
  for (const name of ['a', 'b', 'c']) {
    tasks.run(() => {
      log.push(name)
      void chain(name, 20)
    })
  }
  assert.deepEqual(log, ['a'])
  assert.equal(tasks.busy, true)
  await turn()
  assert.deepEqual(log, ['a', 'a through', 'b', 'b through', 'c', 'c through'])
  assert.equal(tasks.busy, false)
})

test('what a task asks for comes behind what waits already', async () => {
  const tasks = new Tasks(nobody)
  const log: string[] = []
  tasks.run(() => {
    log.push('a')
    tasks.run(() => void log.push('c'))
  })
  tasks.run(() => void log.push('b'))
  assert.deepEqual(log, ['a'])
  await turn()
  // `c` was asked for inside `a`, before anyone could ask for `b`
  assert.deepEqual(log, ['a', 'c', 'b'])
})

test('a task that throws does not hold up the next', async () => {
  const tasks = new Tasks(nobody)
  const log: string[] = []
  assert.throws(() => tasks.run(() => assert.fail('thrown')), /thrown/)
  tasks.run(() => void log.push('next'))
  await turn()
  assert.deepEqual(log, ['next'])
  assert.equal(tasks.busy, false)
})

test('the host is told of a backlog, once, and of its end', async () => {
  const log: string[] = []
  const tasks = new Tasks({ onBacklog: () => log.push('begins'), onBacklogDone: () => log.push('ends') })
  tasks.run(() => log.push('alone'))
  await turn()
  assert.deepEqual(log.splice(0), ['alone'])
  for (const name of ['a', 'b', 'c']) tasks.run(() => log.push(name))
  await turn()
  assert.deepEqual(log, ['a', 'begins', 'b', 'c', 'ends'])
})
