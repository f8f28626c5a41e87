// Knows what of one connection waits to be decoded, and the ends that have to wait behind it.
import { type Pace, WAIT } from './pace.ts'

export class Undecoded {
  readonly #pace: Pace
  /** A message is being decoded apart: what follows it, the end too, waits. */
  #ready: Promise<void> | undefined
  /** Messages may wait, as nobody takes more. */
  #held = false
  #ends: (() => void)[] = []

  constructor(pace: Pace) {
    this.#pace = pace
  }

  /** Somebody is at work on it, and will be done. */
  get isUnderWay(): boolean {
    return this.#ready !== undefined
  }

  /** A message is being decoded apart until that settles, which never rejects; then comes what follows it. */
  await(ready: Promise<void>, decode: () => void): void {
    this.#pace.wait(WAIT.decoding)
    this.#ready = ready.then(() => {
      this.#ready = undefined
      decode()
      if (this.#ready === undefined) this.#pace.go(WAIT.decoding)
    })
  }

  /** One message more was delivered: where that was too much, what has to be decoded waits behind it. */
  delivered(): void {
    if (!this.#pace.crowded) return
    this.#held = true
    this.#pace.readNoneAhead()
  }

  /** Messages are taken again: what waits comes, and then the ends. */
  goOn(decode: () => void): void {
    this.#held = false
    decode()
    const ends = this.#ends
    this.#ends = []
    for (const end of ends) end()
  }

  /** Whether messages are in the way of that end, which then comes behind them. */
  delays(end: () => void): boolean {
    if (this.#ready !== undefined) void this.#ready.then(end)
    else if (this.#held) this.#ends.push(end)
    else return false
    return true
  }
}
