// Knows how many bytes of messages have been sent and have not left, as the standard's bufferedAmount counts them.

/** What a connection says of itself. */
export interface Buffering {
  readonly readyState: string
  /** Bytes of frames, and of messages that wait to become some, that were sent and have not left. */
  readonly bufferedBytes: number
}

/** Counts payload, not frames; holds still while a script runs; never falls when the connection ends. */
export class BufferedAmount {
  /** Bytes that the connection took; how many of them are still there, it says. */
  #taken = 0
  /** Bytes that will never be sent. */
  #lost = 0
  /** Something was sent in this turn of the event loop: until it ends, nothing counts as transmitted. */
  #sentThisTurn = false
  #buffering: Buffering | undefined

  /** From now on, `buffering` knows what has left, until it is closed. */
  follow(buffering: Buffering): void {
    this.#buffering = buffering
  }

  get bytes(): number {
    this.#forgetTransmitted()
    return this.#taken + this.#lost
  }

  /** Counts a message by what `send` of the connection returned for it. */
  count(bytes: number, sent: boolean | Promise<boolean>): void {
    if (sent === false) {
      this.#lost += bytes
      return
    }
    this.#take(bytes)
    if (sent === true) return
    const lose = () => this.#lose(bytes)
    sent.then((left) => left || lose(), lose)
  }

  #take(bytes: number): void {
    this.#forgetTransmitted()
    this.#taken += bytes
    if (this.#sentThisTurn) return
    this.#sentThisTurn = true
    setImmediate(() => {
      this.#sentThisTurn = false
    })
  }

  /** It is no longer among what waits, and has not been transmitted either. */
  #lose(bytes: number): void {
    const lost = Math.min(bytes, this.#taken)
    this.#taken -= lost
    this.#lost += lost
  }

  #forgetTransmitted(): void {
    const buffering = this.#buffering
    // a connection that ends lets go of what it has
    if (this.#sentThisTurn || buffering === undefined || buffering.readyState === 'closed') return
    this.#taken = Math.min(this.#taken, buffering.bufferedBytes)
  }
}
