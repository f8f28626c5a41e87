import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Loan } from '../../src/base/loan.ts'
import { LoansOut } from '../../src/base/loans-out.ts'

/** A loan that tells when it is let go of. */
function watched(gone: string[], name: string): Loan {
  const loan = new Loan(Buffer.alloc(8))
  loan.letGo = () => void gone.push(name)
  return loan
}

test('memory is let go of once all that lies there has left, in order', () => {
  const gone: string[] = []
  const out = new LoansOut()
  out.add(watched(gone, 'first'), 100)
  out.add(watched(gone, 'second'), 250)
  out.settle(99)
  assert.deepEqual([gone, out.size], [[], 2])
  out.settle(100)
  assert.deepEqual([gone, out.size], [['first'], 1])
  out.settle(1000)
  assert.deepEqual([gone, out.size], [['first', 'second'], 0])
})

test('what is forgotten is never let go of', () => {
  const gone: string[] = []
  const out = new LoansOut()
  out.add(watched(gone, 'only'), 1)
  out.forget()
  out.settle(10)
  assert.deepEqual([gone, out.size], [[], 0])
})
