// Knows how one connection came to its end, and how long that may take.
import type { Alarm, Clock } from '../base/clock.ts'
import { PeerError } from '../base/errors.ts'
import { type Deferred, deferred } from '../base/promise.ts'
import { CLOSE } from './close.ts'
import type { CloseInfo } from './connection.ts'
import type { Session } from './session.ts'

export interface EndingHost {
  readonly clock: Clock
  /** What was awaited did not come in time. */
  onOverdue(error: PeerError): void
}

export class Ending {
  readonly #host: EndingHost
  /** Rings when the peer has taken too long to close. */
  #alarm: Alarm | undefined
  /** What went wrong on our own side. */
  #ownError: Error | undefined
  #terminated = false
  #info: CloseInfo | undefined
  #closed: Deferred<CloseInfo> | undefined

  constructor(host: EndingHost) {
    this.#host = host
  }

  /** Undefined: it is not over. */
  get info(): CloseInfo | undefined {
    return this.#info
  }

  get closed(): Promise<CloseInfo> {
    this.#closed ??= deferred<CloseInfo>()
    if (this.#info !== undefined) this.#closed.resolve(this.#info)
    return this.#closed.promise
  }

  /** The connection ends for something on our own side; what came first is the cause. */
  blame(error: Error): void {
    this.#ownError ??= error
  }

  /** The user wants it so, which is nobody's fault. */
  excuse(): void {
    this.#terminated = true
  }

  /** Waits for that, and for nothing else any more. */
  expect(withinMs: number, what: string): void {
    if (this.#info !== undefined) return
    this.#alarm?.cancel()
    this.#alarm = this.#host.clock.after(withinMs, () => this.#host.onOverdue(overdue(withinMs, what)))
  }

  /** It is over, with that error of the transport perhaps. Once. */
  conclude({ received, failure, clean }: Session, error: Error | undefined): CloseInfo {
    this.#alarm?.cancel()
    this.#info = {
      code: received?.code ?? CLOSE.abnormal,
      reason: received?.reason ?? '',
      clean,
      cause: clean || this.#terminated ? undefined : (this.#ownError ?? failure ?? error ?? lost()),
    }
    return this.#info
  }

  /** To all who wait for it. */
  tell(info: CloseInfo): void {
    this.#closed?.resolve(info)
  }
}

function overdue(withinMs: number, what: string): PeerError {
  return new PeerError('ERR_CLOSE_TIMEOUT', `${what} did not come within ${withinMs} ms`, {
    section: 'RFC 6455 section 7.1.1',
  })
}

function lost(): PeerError {
  return new PeerError('ERR_CONNECTION_LOST', 'the connection ended without a Close frame', {
    section: 'RFC 6455 section 7.1.5',
  })
}
