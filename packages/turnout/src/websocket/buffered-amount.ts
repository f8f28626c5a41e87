// Knows how many bytes of messages have been sent and have not left, as the standard's bufferedAmount counts them.

/** What a connection says of itself. */
export interface Buffering {
  /** Bytes of frames that were sent and have not left. */
  readonly bufferedBytes: number
}

/** Counts payload, not frames; holds still while a script runs; never falls when the connection ends. */
export class BufferedAmount {
  /** Bytes that the connection took; how many of them are still there, it says. */
  #taken = 0
  /** Bytes that wait: behind a Blob that is being read, or for the peer. */
  #waiting = 0
  /** Bytes that will never be sent. */
  #lost = 0
  /** Something was sent in this turn of the event loop: until it ends, nothing counts as transmitted. */
  #sentThisTurn = false
  #buffering: Buffering | undefined

  /** From now on, `buffering` knows what has left. Undefined: nothing leaves any more. */
  follow(buffering: Buffering | undefined): void {
    this.#forgetTransmitted()
    this.#buffering = buffering
  }

  get bytes(): number {
    this.#forgetTransmitted()
    return this.#taken + this.#waiting + this.#lost
  }

  /** Counts a message by what `send` of the connection returned for it. */
  count(bytes: number, sent: boolean | Promise<boolean>): void {
    if (sent === false) this.#lost += bytes
    else if (sent === true) this.#take(bytes)
    else this.#wait(bytes, sent)
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

  #wait(bytes: number, sent: Promise<boolean>): void {
    this.#waiting += bytes
    const settle = (left: boolean): void => {
      this.#waiting -= bytes
      if (!left) this.#lost += bytes
    }
    sent.then(settle, () => settle(false))
  }

  #forgetTransmitted(): void {
    if (this.#sentThisTurn || this.#taken === 0 || this.#buffering === undefined) return
    this.#taken = Math.min(this.#taken, this.#buffering.bufferedBytes)
  }
}
