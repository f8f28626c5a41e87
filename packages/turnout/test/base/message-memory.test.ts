import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { allocate, allocateApart, joined } from '../../src/base/message-memory.ts'

test('a small one is part of a pool, a large one and one apart lie alone, and all have the length that was asked for', () => {
  for (const bytes of [0, 1, 100, 4095, 4096, 70_000, 1_000_000]) {
    assert.equal(allocate(bytes).length, bytes)
    assert.equal(allocateApart(bytes).length, bytes)
    assert.equal(allocateApart(bytes).buffer.byteLength, bytes)
    if (bytes >= 4096) assert.equal(allocate(bytes).buffer.byteLength, bytes)
  }
})

test('parts are joined in their order, in memory of their own', () => {
  const parts = [Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')]
  const whole = joined(parts, 5)
  parts[0]!.fill('x')
  assert.equal(String(whole), 'abcde')
  assert.equal(joined([], 0).length, 0)
})

/** 256 MiB of messages that are dropped soon, in a process of its own. */
function spend(make: string, bytes: number): { full: number; faults: number } {
  const script = `
    import { constants, PerformanceObserver } from 'node:perf_hooks'
    import { allocate } from ${JSON.stringify(new URL('../../src/base/message-memory.js', import.meta.url))}
    let full = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
    }).observe({ entryTypes: ['gc'] })
    const held = []
    const before = process.resourceUsage().minorPageFault
    for (let count = 0; count < 2 ** 28 / ${bytes}; count++) {
      held.push(${make}(${bytes}).fill(1))
      if (held.length > 4) held.shift()
      if (count % 16 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    const faults = process.resourceUsage().minorPageFault - before
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(JSON.stringify({ full, faults }))`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  return JSON.parse(String(child.stdout) || assert.fail(String(child.stderr)))
}

test('messages are collected with the young, not with everything', () => {
  assert.ok(spend('allocate', 65_536).full <= 1)
  assert.ok(spend('allocate', 3_000).full <= 1)
})

test('so are those of a server that has collected everything once', () => {
  const script = `
    import { createServer } from 'node:http'
    import { constants, PerformanceObserver } from 'node:perf_hooks'
    import { connect, createTurnout } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url))}
    let full = 0
    new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
    }).observe({ entryTypes: ['gc'] })
    const turnout = createTurnout()
    const server = createServer()
    turnout.websocket('/', { message: (socket, message) => void socket.send(message) })
    turnout.attach(server)
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
    const message = Buffer.alloc(65_536)
    let left = 8_192
    let ended
    const end = new Promise((resolve) => (ended = resolve))
    const sockets = []
    for (let count = 0; count < 32; count++) {
      sockets.push(await connect('ws://127.0.0.1:' + server.address().port, {
        binary: 'lent',
        message: (socket) => void (--left > 0 ? socket.send(message) : ended()),
      }))
    }
    gc()
    for (const socket of sockets) socket.send(message)
    await end
    await new Promise((resolve) => setTimeout(resolve, 50))
    console.log(full)
    process.exit()`
  const child = spawnSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', script])
  const full = Number(String(child.stdout) || assert.fail(String(child.stderr)))
  assert.ok(full >= 1 && full <= 8, `${full} full collections for 512 MiB`)
})

test('large messages do not go back to the system one by one', { skip: process.platform !== 'linux' }, () => {
  const ours = spend('allocate', 1_048_576).faults
  const plain = spend('Buffer.allocUnsafeSlow', 1_048_576).faults
  assert.ok(ours < 0.9 * plain, `${ours} page faults, ${plain} without`)
})
