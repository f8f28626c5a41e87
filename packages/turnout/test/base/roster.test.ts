import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { Roster } from '../../src/base/roster.ts'
import { turn } from './turns.ts'

test('a roster is a set, whoever comes and goes', () => {
  const step = fc.record({ who: fc.nat(7), comes: fc.boolean() })
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const people = Array.from({ length: 8 }, (_, number) => ({ number }))
    const roster = new Roster<{ number: number }>()
    const other = new Roster<{ number: number }>()
    const expected = new Set<{ number: number }>()
    for (const { who, comes } of steps) {
      const person = people[who]!
      if (comes) {
        roster.add(person)
        other.add(person)
        expected.add(person)
      } else {
        assert.equal(roster.remove(person), expected.delete(person))
      }
      assert.equal(roster.size, expected.size)
      for (const one of people) assert.equal(roster.has(one), expected.has(one))
    }
    const numbers = (all: Iterable<{ number: number }>) => [...all].map((one) => one.number).sort()
    assert.deepEqual(numbers(roster.all()), numbers(expected))
    assert.equal(other.size, new Set(steps.filter(({ comes }) => comes).map(({ who }) => who)).size)
  })
  fc.assert(property, { numRuns: 200 })
})

test('whoever leaves is not held on to', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const roster = new Roster<object>()
  for (let count = 0; count < 1_000; count++) roster.add({})
  collect()
  const gone: WeakRef<object>[] = []
  ;(() => {
    for (let count = 0; count < 1_000; count++) {
      const one = {}
      roster.add(one)
      gone.push(new WeakRef(one))
      roster.remove(one)
    }
  })()
  // a weak reference that was just made lasts as long as the turn
  await turn()
  collect()
  assert.equal(gone.filter((one) => one.deref() !== undefined).length, 0)
})
