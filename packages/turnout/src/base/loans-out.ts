// Knows the borrowed memory that one connection sends from, and when nobody looks at it any more.
import type { Loan } from './loan.ts'
import { Queue } from './queue.ts'

interface Out {
  readonly loan: Loan
  /** Where its bytes end among all that the connection sends. */
  readonly end: number
}

export class LoansOut {
  readonly #out = new Queue<Out>()

  get size(): number {
    return this.#out.size
  }

  add(loan: Loan, end: number): void {
    this.#out.push({ loan, end })
  }

  /** The first so many bytes of all that is sent have left. */
  settle(leftBytes: number): void {
    for (
      let next = this.#out.first();
      next !== undefined && next.end <= leftBytes;
      next = this.#out.first()
    ) {
      this.#out.take()
      next.loan.letGo()
    }
  }

  /** Nobody will say whether they have: that memory is the garbage collector's. */
  forget(): void {
    this.#out.takeAll()
  }
}
