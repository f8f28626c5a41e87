import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventHandlers } from '../../src/websocket/event-handlers.ts'

test('a handler keeps its place when it is replaced, and loses it when it is removed', () => {
  const target = new EventTarget()
  const handlers = new EventHandlers(target)
  const order: string[] = []
  const fire = () => {
    target.dispatchEvent(new Event('x'))
    return order.splice(0)
  }
  handlers.set('x', () => order.push('first'))
  target.addEventListener('x', () => void order.push('listener'))
  assert.deepEqual(fire(), ['first', 'listener'])
  handlers.set('x', () => order.push('second'))
  assert.deepEqual(fire(), ['second', 'listener'])
  handlers.set('x', null)
  assert.equal(handlers.get('x'), null)
  assert.deepEqual(fire(), ['listener'])
  handlers.set('x', () => order.push('third'))
  assert.deepEqual(fire(), ['listener', 'third'])
})

test('an object that cannot be called is kept and does nothing; what is no object removes', () => {
  const target = new EventTarget()
  const handlers = new EventHandlers(target)
  const object = {}
  handlers.set('x', object)
  assert.equal(handlers.get('x'), object)
  target.dispatchEvent(new Event('x'))
  for (const nothing of [5, 'text', undefined, true]) {
    handlers.set('x', object)
    handlers.set('x', nothing)
    assert.equal(handlers.get('x'), null)
  }
})

test('a handler is called with its target as `this`', () => {
  const target = new EventTarget()
  const handlers = new EventHandlers(target)
  let seen: unknown
  handlers.set('x', function (this: unknown) {
    seen = this
  })
  target.dispatchEvent(new Event('x'))
  assert.equal(seen, target)
})
