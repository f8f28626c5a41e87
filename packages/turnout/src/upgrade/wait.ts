// Knows an answer that is waited for: it comes, or it fails, by its deadline or its signal at the latest. Once.
import type { Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'

export interface WaitOptions {
  readonly clock: Clock
  /** Infinity: no deadline. */
  readonly timeoutMs: number
  /** Must not have fired yet. */
  readonly signal?: AbortSignal | undefined
  /** Whose answer it is. */
  readonly where: string
}

export class Wait {
  settled = false
  readonly #onFail: (error: unknown) => void
  readonly #stop: () => void

  /** @param onFail undoes what was begun, and says why. Called once, and never after `settle` */
  constructor({ clock, timeoutMs, signal, where }: WaitOptions, onFail: (error: unknown) => void) {
    this.#onFail = onFail
    const onAbort = (): void => this.fail(signal?.reason)
    const deadline = clock.after(timeoutMs, () => {
      const seen = `no answer from ${where} in ${Math.round(timeoutMs)} ms`
      this.fail(new PeerError('ERR_HANDSHAKE_TIMEOUT', seen))
    })
    signal?.addEventListener('abort', onAbort)
    this.#stop = () => {
      deadline.cancel()
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Nothing is waited for any more. False: so it was before. */
  settle(): boolean {
    if (this.settled) return false
    this.settled = true
    this.#stop()
    return true
  }

  fail(error: unknown): void {
    if (this.settle()) this.#onFail(error)
  }
}
