// Knows what several connections send alike, one thing after the other: joined once for all of them.
import { Buffer } from 'node:buffer'

/** Pieces in order. Never changes: with one piece more it is another batch, the same one for whoever adds the same. */
export class Batch {
  readonly bytes: number
  readonly #before: Batch | undefined
  readonly #piece: Uint8Array
  /** What somebody has made of it last. */
  #after: Batch | undefined
  #joined: Uint8Array | undefined

  constructor(before: Batch | undefined, piece: Uint8Array) {
    this.bytes = (before?.bytes ?? 0) + piece.length
    this.#before = before
    this.#piece = piece
  }

  /** The batch that begins with this piece, which nobody changes any more. */
  static of(piece: Uint8Array): Batch {
    if (latest === undefined || latest.#piece !== piece) latest = new Batch(undefined, piece)
    return latest
  }

  /** This one, and then the piece. */
  and(piece: Uint8Array): Batch {
    const after = this.#after
    if (after !== undefined && after.#piece === piece) return after
    this.#after = new Batch(this, piece)
    return this.#after
  }

  /** All of it in one. */
  joined(): Uint8Array {
    this.#joined ??= this.#before === undefined ? this.#piece : this.#join()
    return this.#joined
  }

  #join(): Uint8Array {
    const joined = Buffer.allocUnsafe(this.bytes)
    let end = this.bytes
    for (let batch: Batch | undefined = this; batch !== undefined; batch = batch.#before) {
      end -= batch.#piece.length
      joined.set(batch.#piece, end)
    }
    return joined
  }
}

/** The first batch of what is being sent now. */
let latest: Batch | undefined
