// Knows the shape of what the bench found out: what bench/results.json holds.
import type { Machine } from './runtimes.ts'
import { type Figure, figureOf, ratioOf } from './statistics.ts'
import type { Workload } from './workloads.ts'

/** What one window showed of one peer. */
export interface Sample {
  /** Microseconds of CPU a message, or bytes of memory a connection. */
  readonly cost: number
  readonly perSecond?: number
  /** Of one core, 0 to 1 and, with helper threads, beyond. */
  readonly busy?: number
  readonly p50Micros?: number
  readonly p99Micros?: number
  /** Of the whole process. */
  readonly rssBytes?: number
}

export interface PeerResult {
  readonly cost: Figure
  readonly perSecond?: Figure
  readonly busy?: Figure
  readonly p50Micros?: Figure
  readonly p99Micros?: Figure
  readonly rssBytes?: Figure
  /** This peer's cost over another's, window by window. */
  readonly ratios: Readonly<Record<string, Figure>>
}

export interface WorkloadResult {
  readonly name: string
  readonly title: string
  readonly side: 'server' | 'client'
  /** Of `cost`. */
  readonly unit: 'CPU µs a message' | 'bytes a connection'
  /** Who made the load: `own`, or the outside instrument's file name. */
  readonly instrument: string
  readonly peers: Readonly<Record<string, PeerResult>>
  /** Peers without figures, and why in a word. */
  readonly leftOut: Readonly<Record<string, string>>
}

/** Everything; what tells most, in short windows; or what somebody chose with `--only` and `--peers`. */
export type RunKind = 'full' | 'quick' | 'part'

export interface Results {
  readonly kind: RunKind
  /** Every workload that was asked for is in here. */
  readonly complete: boolean
  readonly made: string
  readonly command: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly settings: Settings
  readonly workloads: readonly WorkloadResult[]
}

/** How long and how often. */
export interface Settings {
  /** Fresh processes each. */
  readonly rounds: number
  /** Interleaved measurements within a round. */
  readonly windows: number
  readonly windowMs: number
  readonly warmMs: number
}

/** Gathers the samples of one workload; a peer in which anything went wrong gives none. */
export class Gathering {
  readonly #samples = new Map<string, Sample[]>()
  readonly #leftOut = new Map<string, string>()

  add(peer: string, sample: Sample): void {
    const samples = this.#samples.get(peer)
    if (samples === undefined) this.#samples.set(peer, [sample])
    else samples.push(sample)
  }

  leaveOut(peer: string, why: string): void {
    if (!this.#leftOut.has(peer)) this.#leftOut.set(peer, why)
  }

  isOut(peer: string): boolean {
    return this.#leftOut.has(peer)
  }

  result(workload: Workload, instrument: string, bases: readonly string[]): WorkloadResult {
    const sound = new Map([...this.#samples].filter(([peer]) => !this.#leftOut.has(peer)))
    const costs = (peer: string) => sound.get(peer)?.map(({ cost }) => cost) ?? []
    return {
      name: workload.name,
      title: workload.title,
      side: workload.side,
      unit: workload.kind === 'idle' ? 'bytes a connection' : 'CPU µs a message',
      instrument,
      peers: Object.fromEntries(
        [...sound].map(([peer, samples]) => [
          peer,
          peerResult(
            samples,
            bases
              .filter((base) => base !== peer)
              .flatMap((base) => {
                const ratio = ratioOf(costs(peer), costs(base))
                return ratio === undefined ? [] : [[base, ratio] as const]
              }),
          ),
        ]),
      ),
      leftOut: Object.fromEntries(this.#leftOut),
    }
  }
}

function peerResult(samples: readonly Sample[], ratios: readonly (readonly [string, Figure])[]): PeerResult {
  const perSecond = figure(samples, 'perSecond')
  const busy = figure(samples, 'busy')
  const p50Micros = figure(samples, 'p50Micros')
  const p99Micros = figure(samples, 'p99Micros')
  const rssBytes = figure(samples, 'rssBytes')
  return {
    cost: figure(samples, 'cost')!,
    ...(perSecond && { perSecond }),
    ...(busy && { busy }),
    ...(p50Micros && { p50Micros }),
    ...(p99Micros && { p99Micros }),
    ...(rssBytes && { rssBytes }),
    ratios: Object.fromEntries(ratios),
  }
}

function figure(samples: readonly Sample[], name: keyof Sample): Figure | undefined {
  return figureOf(samples.map((sample) => sample[name]).filter((value) => value !== undefined))
}
