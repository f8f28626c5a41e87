// Knows the bytes that wait to leave on one connection, so that they can leave in one write.
import type { Buffer } from 'node:buffer'
import { Batch } from './batch.ts'
import type { Loan } from './loan.ts'
import { LoansOut } from './loans-out.ts'
import { makeRoom, slab } from './slab.ts'

/** Pieces up to this size are copied beside their neighbours: cheaper than one more entry in a gathered write. */
export const COPY_BYTES = 4_096

const EMPTY: readonly Uint8Array[] = []
const GONE = new Uint8Array(0)

/**
 * Four ways in: `room` + `filled` lays bytes straight into the shared slab, `push` takes a finished piece,
 * `pushLent` one in borrowed memory, `pushShared` one that other boxes take as well. One way out: `take`, everything
 * in order.
 */
export class Outbox {
  /** How many bytes wait. */
  bytes = 0
  /** All that waits, while it is what other boxes have as well. */
  #batch: Batch | undefined
  /** The open stretch: `#buffer[#from, #to)`, the last bytes that came in, and the slab that it holds. */
  #buffer: Buffer | undefined
  #slab: Loan | undefined
  #from = 0
  #to = 0
  /** What came before the open stretch. */
  #pieces: Uint8Array[] | undefined
  /** How many of them have been taken. */
  #taken = 0
  /** How many bytes have been taken in all. */
  takenBytes = 0
  /** The borrowed memory that pieces lie in; made when there is more than the slab of one that was taken. */
  #loans: LoansOut | undefined
  #takenSlab: Loan | undefined

  /** Makes room for at most `bytes` in `slab.buffer` from `slab.used` on. Follow it by `filled`. */
  room(bytes: number): void {
    makeRoom(bytes)
    if (this.#buffer === slab.buffer && this.#to === slab.used) return
    this.#seal()
    this.#buffer = slab.buffer
    this.#slab = slab.loan.hold()
    this.#from = this.#to = slab.used
  }

  /** The first `bytes` of the room are used. */
  filled(bytes: number): void {
    slab.used += bytes
    this.#to = slab.used
    this.bytes += bytes
  }

  /** Adds a piece that nobody changes any more. */
  push(piece: Uint8Array): void {
    this.#seal()
    this.#pieces ??= []
    this.#pieces.push(piece)
    this.bytes += piece.length
  }

  /** The same, of a piece whose memory is let go of once it has left. */
  pushLent(piece: Uint8Array, loan: Loan): void {
    this.push(piece)
    this.#out(loan, this.bytes)
  }

  /** Its memory is to be let go of once so many bytes of what waits have left. */
  #out(loan: Loan, bytes: number): void {
    this.#loans ??= new LoansOut()
    this.#loans.add(loan, this.takenBytes + bytes)
  }

  /** The same, of a piece that other boxes are given too: as long as they are all given the same, it is joined once. */
  pushShared(piece: Uint8Array): void {
    const isAlone = this.#batch !== undefined || this.bytes === 0
    if (!isAlone || this.bytes + piece.length > COPY_BYTES) return this.push(piece)
    if (this.#batch === undefined) {
      this.#seal()
      this.#batch = Batch.of(piece)
    } else this.#batch = this.#batch.and(piece)
    this.bytes += piece.length
  }

  /**
   * What waits, in order, small neighbours joined: all of it, or whole pieces up to about `mostBytes`, at least
   * one. Taken again and again it gives everything.
   */
  take(mostBytes: number = Number.POSITIVE_INFINITY): readonly Uint8Array[] {
    const before = this.bytes
    const pieces = this.#take(mostBytes)
    this.takenBytes += before - this.bytes
    return pieces
  }

  /** Whether there is borrowed memory among what waits, or was taken and may not have left. */
  get lends(): boolean {
    return this.#takenSlab !== undefined || (this.#loans !== undefined && this.#loans.size > 0)
  }

  /** All that was taken has left: nobody looks at it any more. */
  settle(): void {
    this.#takenSlab?.letGo()
    this.#takenSlab = undefined
    this.#loans?.settle(this.takenBytes)
  }

  /** Nobody will say whether it has: borrowed memory is the garbage collector's. */
  forget(): void {
    this.#takenSlab = undefined
    this.#loans?.forget()
  }

  #take(mostBytes: number): readonly Uint8Array[] {
    if (this.#batch !== undefined) {
      const only = this.#batch.joined()
      this.#batch = undefined
      this.bytes = 0
      return [only]
    }
    if (this.#pieces === undefined) {
      if (this.#buffer === undefined) return EMPTY
      const only = this.#buffer.subarray(this.#from, this.#to)
      if (this.#takenSlab === undefined) this.#takenSlab = this.#slab
      else this.#out(this.#slab!, this.bytes)
      this.#buffer = this.#slab = undefined
      this.bytes = 0
      return [only]
    }
    this.#seal()
    const total = this.bytes
    const pieces = total <= mostBytes ? this.#takeAll() : this.#takeSome(mostBytes)
    const taken = total - this.bytes
    if (pieces.length <= 1) return pieces
    const join = (run: readonly Uint8Array[], bytes: number) => this.#join(run, bytes, taken)
    return taken <= COPY_BYTES ? [join(pieces, taken)] : joinSmall(pieces, join)
  }

  /** Lays pieces side by side that are among the next `leaving` bytes to leave. */
  #join(pieces: readonly Uint8Array[], bytes: number, leaving: number): Uint8Array {
    makeRoom(bytes)
    const start = slab.used
    let at = start
    for (const piece of pieces) {
      slab.buffer.set(piece, at)
      at += piece.length
    }
    slab.used = at
    this.#out(slab.loan.hold(), leaving)
    return slab.buffer.subarray(start, at)
  }

  #takeAll(): readonly Uint8Array[] {
    const pieces = this.#taken === 0 ? this.#pieces! : this.#pieces!.slice(this.#taken)
    this.#pieces = undefined
    this.#taken = 0
    this.bytes = 0
    return pieces
  }

  #takeSome(mostBytes: number): readonly Uint8Array[] {
    const pieces = this.#pieces!
    const from = this.#taken
    let to = from
    let bytes = 0
    do bytes += pieces[to++]!.length
    while (to < pieces.length && bytes + pieces[to]!.length <= mostBytes)
    this.bytes -= bytes
    const taken = pieces.slice(from, to)
    this.#taken = to
    // the memory of what has gone is given back now and then, so that it costs nothing a piece
    if (to === pieces.length) this.#pieces = undefined
    else if (to * 2 >= pieces.length) this.#pieces = pieces.slice(to)
    else pieces.fill(GONE, from, to)
    if (this.#pieces !== pieces) this.#taken = 0
    return taken
  }

  #seal(): void {
    if (this.#batch !== undefined) {
      this.#pieces ??= []
      this.#pieces.push(this.#batch.joined())
      this.#batch = undefined
    }
    if (this.#buffer === undefined) return
    if (this.#to > this.#from) {
      this.#pieces ??= []
      this.#pieces.push(this.#buffer.subarray(this.#from, this.#to))
      this.#out(this.#slab!, this.bytes)
    } else this.#slab!.letGo()
    this.#buffer = this.#slab = undefined
  }
}

/** Joins runs of small pieces; large ones stay as they are. */
function joinSmall(
  pieces: readonly Uint8Array[],
  join: (run: readonly Uint8Array[], bytes: number) => Uint8Array,
): readonly Uint8Array[] {
  const joined: Uint8Array[] = []
  let run: Uint8Array[] = []
  let runBytes = 0
  const endRun = () => {
    if (run.length > 0) joined.push(run.length === 1 ? run[0]! : join(run, runBytes))
    run = []
    runBytes = 0
  }
  for (const piece of pieces) {
    if (piece.length > COPY_BYTES || runBytes + piece.length > COPY_BYTES) endRun()
    if (piece.length > COPY_BYTES) joined.push(piece)
    else {
      run.push(piece)
      runBytes += piece.length
    }
  }
  endRun()
  return joined
}
