// Knows which decisions of a server are awaited, who is let in for one, and how long whoever was let in counts.
import type { Clock } from '../base/clock.ts'
import type { Tally } from '../base/tally.ts'
import type { Protocol } from '../http/message.ts'
import type { Admission } from './admission.ts'
import { type Arriving, type Candidate, Deliberation, type Verdict } from './deliberation.ts'

export interface DeliberationsSetup {
  readonly admission: Admission
  readonly clock: Clock
  /** How long a promised decision is waited for, in milliseconds; Infinity: for ever. */
  readonly timeoutMs: number
  /** Where a route without a tally is counted. */
  readonly others: Tally
}

export class Deliberations {
  readonly #setup: DeliberationsSetup
  readonly #awaited = new Set<Deliberation>()

  constructor(setup: DeliberationsSetup) {
    this.#setup = setup
  }

  /** How many are awaited, or have somebody of the application's at work on them. */
  get size(): number {
    return this.#awaited.size
  }

  /** Asks the candidates, unless there are too many already. A promise never rejects. */
  begin(
    arrival: Arriving,
    protocols: readonly Protocol[],
    candidates: readonly Candidate[],
  ): Verdict | Promise<Verdict> {
    const { clock, timeoutMs, others } = this.#setup
    const deliberation = new Deliberation({
      arrival,
      protocols,
      candidates,
      clock,
      timeoutMs,
      others,
    })
    const admitted = this.#admit(arrival)
    if (admitted !== undefined && 'kind' in admitted) {
      deliberation.note()
      return admitted
    }
    const verdict = deliberation.decide()
    if (!(verdict instanceof Promise)) return holdAdmission(arrival, verdict, admitted)
    this.#awaited.add(deliberation)
    return verdict.then((settled) => {
      deliberation.whenOver(() => this.#awaited.delete(deliberation))
      if (admitted === undefined || settled.kind !== 'gone') return holdAdmission(arrival, settled, admitted)
      // whoever leaves while `accept` is at work must not make room for more of it
      deliberation.whenOver(admitted)
      return settled
    })
  }

  #admit(arrival: Arriving): (() => void) | Verdict | undefined {
    try {
      return this.#setup.admission.enter(arrival, this.#awaited.size)
    } catch (error) {
      return { kind: 'failed', error }
    }
  }

  /** The server closes: nobody is waited for any more. */
  close(): void {
    for (const deliberation of [...this.#awaited]) deliberation.close()
  }
}

/**
 * A connection that switches stays admitted until it ends or is HTTP's again, another one's place is free at once.
 * @returns the verdict that does so
 */
function holdAdmission(arrival: Arriving, verdict: Verdict, leave: (() => void) | undefined): Verdict {
  if (leave === undefined) return verdict
  if (verdict.kind !== 'switch' || arrival.stream.destroyed) {
    leave()
    return verdict
  }
  arrival.stream.once('close', leave)
  return {
    ...verdict,
    abandon: (error) => {
      arrival.stream.off('close', leave)
      leave()
      verdict.abandon?.(error)
    },
    attach: (stream, vacate) =>
      verdict.attach(stream, () => {
        stream.off('close', leave)
        leave()
        vacate?.()
      }),
  }
}
